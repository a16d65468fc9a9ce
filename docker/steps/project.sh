#!/bin/sh
# Builds the project's wheel with the locked build backend and installs it, without dependencies, into /opt/project:
# a layer of its own, because it changes with every commit and the dependencies do not.
set -eu
grep -v '^    --hash' locks/dev.txt | grep -q '^hatchling=='
/opt/installer/bin/uv build --quiet --wheel --python /opt/wayfare/bin/python \
  --build-constraints locks/dev.txt --require-hashes --out-dir dist
/opt/installer/bin/pip --python /opt/wayfare/bin/python install --quiet --disable-pip-version-check --no-index --no-deps \
  --no-compile --prefix /opt/project dist/*.whl
exec sh "$(dirname "$0")/compile.sh" /opt/project/lib
