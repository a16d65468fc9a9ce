#!/usr/bin/env bash
# kubectl for the cluster of up.sh:  local/cluster/kubectl.sh get pods -A
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/exec.sh" kubectl "$@"
