#!/usr/bin/env bash
# Set-up of a checkout: prerequisites, the virtual environment from the hashed lock, the jars of Kafka and Cassandra.
# Runs in seconds when nothing changed. Usage: local/setup.sh [--no-servers | --browser]; --browser: also what tests of pages need.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'set-up: %s\n' "$*"; }
fail() { printf 'set-up: %s\n' "$*" >&2; exit 1; }

# -- prerequisites ----------------------------------------------------------------------------------------------------

find_python() {
  for name in python3.11 python3.12 python3.13 python3; do
    if command -v "$name" >/dev/null &&
      "$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then
      command -v "$name"
      return
    fi
  done
}

# Cassandra 5 runs on Java 11 and 17 only, Kafka 4 needs 17.
has_java_17() { [ -n "$(python_module local.java 2>/dev/null)" ]; }
python_module() { "${PYTHON:-false}" -m "$1"; }

missing_packages() {
  [ -n "$(find_python)" ] || echo python3 python3-venv
  PYTHON=$(find_python)
  [ "${1:-}" = --no-servers ] && return
  has_java_17 || echo openjdk-17-jre-headless
  command -v mvn >/dev/null || echo maven
  command -v redis-server >/dev/null || echo redis-server
  { command -v prometheus && command -v promtool; } >/dev/null || echo prometheus
  { command -v prometheus-alertmanager && command -v amtool; } >/dev/null || echo prometheus-alertmanager
  command -v prometheus-node-exporter >/dev/null || echo prometheus-node-exporter
  [ "${1:-}" != --browser ] || command -v chromium chromium-browser google-chrome >/dev/null || echo chromium
}

missing=$(missing_packages "$@" | tr '\n' ' ')
if [ -n "${missing// /}" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing $missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # Debian would start servers of its own on their usual ports; Wayfare runs its own and leaves no port behind.
    policy=/usr/sbin/policy-rc.d
    if [ -e $policy ]; then
      policy=
    else
      trap 'rm -f $policy' EXIT
      printf '#!/bin/sh\nexit 101\n' >$policy
      chmod 755 $policy
    fi
    # shellcheck disable=SC2086 # a list of package names
    apt-get install -y -qq --no-install-recommends $missing
    [ -z "$policy" ] || rm -f "$policy"
    trap - EXIT
    for unit in $missing; do
      case $unit in
        redis-server | prometheus*) ! command -v systemctl >/dev/null || systemctl disable -q "$unit" 2>/dev/null || true ;;
      esac
    done
  else
    fail "these are needed and not installed: $missing
Type:  sudo apt-get install -y --no-install-recommends $missing"
  fi
fi
PYTHON=$(find_python)
[ -n "$PYTHON" ] || fail "Python 3.11 to 3.13 with venv is needed, got $(python3 --version 2>&1 || echo none)"

# -- jars, in the background while Python packages arrive --------------------------------------------------------------

jars=
if [ "${1:-}" != --no-servers ]; then
  "$PYTHON" -m local.jars &
  jars=$!
fi

# -- virtual environment ----------------------------------------------------------------------------------------------

stamp=.venv/wayfare-set-up
wanted=$(cat locks/uv.txt locks/dev.txt | sha256sum; "$PYTHON" --version; pwd -P)
if [ ! -x .venv/bin/wayfare ] || [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
  say "virtual environment in $PWD/.venv (about 3 GB with TensorFlow and Spark; minutes the first time)"
  export UV_PYTHON_DOWNLOADS=never
  [ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
  if [ -x .venv/bin/uv ]; then
    .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r locks/uv.txt
  else
    .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt
  fi
  .venv/bin/uv pip sync --python .venv/bin/python --require-hashes locks/uv.txt locks/dev.txt
  .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
  printf '%s' "$wanted" >"$stamp"
fi

[ -z "$jars" ] || wait "$jars" || fail "the servers' jars could not be had"
say "ready"
