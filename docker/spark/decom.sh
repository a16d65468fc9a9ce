#!/bin/bash
# What Kubernetes runs before it stops an executor that may hand over its blocks: tell it, then wait until it has ended.
set -euo pipefail
executor=$(pgrep -o -f 'KubernetesExecutorBackend' || true)
[ -n "$executor" ] || exit 0
kill -s PWR "$executor"
while [ -d "/proc/$executor" ]; do sleep 1; done
