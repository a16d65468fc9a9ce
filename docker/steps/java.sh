#!/bin/sh
# Java 17 without a display, and the folder that Spark's own scripts call SPARK_HOME, made of the installed pyspark.
set -eu
export DEBIAN_FRONTEND=noninteractive
# Java's package registers manual pages, in a folder that slim images lack.
mkdir -p /usr/share/man/man1
apt-get update -qq
apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null
ln -s /usr/lib/jvm/java-17-openjdk-* /opt/java
python "$(dirname "$0")/keystore.py" /etc/ssl/certs/java/cacerts
# Files that differ from build to build, or that nobody reads.
rm -rf /var/cache/apt/* /var/lib/apt/lists/* /var/log/* /var/cache/ldconfig /var/cache/debconf/*-old /var/lib/dpkg/*-old

# A folder of its own for conf, because Spark on Kubernetes mounts a ConfigMap there.
site=$(python -c 'import sys; print("/opt/wayfare/lib/python%d.%d/site-packages/pyspark" % sys.version_info[:2])')
mkdir -p /opt/spark/conf /opt/spark/work-dir
for part in bin sbin jars python examples; do ln -s "$site/$part" "/opt/spark/$part"; done
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
