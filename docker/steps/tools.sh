#!/bin/sh
# First step of every image: the pinned installer, an empty environment and the init. Stays in the build stage.
set -eu
apt-get update -qq
apt-get install -y -qq --no-install-recommends tini >/dev/null
python -m venv /opt/installer
/opt/installer/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes -r locks/uv.txt
python -m venv --without-pip /opt/wayfare
# Only scripts that a person sources; one of them differs by the name of the shell that made it.
rm -f /opt/wayfare/bin/[Aa]ctivate*
