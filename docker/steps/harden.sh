#!/bin/sh
# What every image stands on: no installer, nothing setuid, one unprivileged user, the folders to mount.
set -eu
rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip /usr/lib/python3*/ensurepip /usr/local/bin/pip* /usr/local/bin/idle* \
  /usr/share/python-wheels
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
echo 'wayfare:x:10001:10001::/var/lib/wayfare:/usr/sbin/nologin' >>/etc/passwd
echo 'wayfare:x:10001:' >>/etc/group
# A fresh named volume takes its owner from the folder that it is mounted on.
for folder in /var/lib/wayfare /models /lake /artifacts /etc/wayfare/cities /etc/wayfare/keys/quotes /etc/wayfare/keys/trainer \
  /etc/wayfare/keys/publisher /etc/wayfare/keys/trusted /etc/wayfare/keys/pseudonym /etc/wayfare/keys/jwks \
  /etc/wayfare/keys/jwt /etc/wayfare/keys/tokens; do
  install -d -o 10001 -g 10001 "$folder"
done
chown 10001:10001 /etc/wayfare /etc/wayfare/keys
