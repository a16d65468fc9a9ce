#!/bin/sh
# Installs what a lock names, checked by hash, and compiles it. Usage: dependencies.sh LOCK
set -eu
/opt/installer/bin/uv pip install --quiet --python /opt/wayfare/bin/python --require-hashes --no-deps --link-mode copy \
  -r "$1"
exec sh "$(dirname "$0")/compile.sh" /opt/wayfare/lib
