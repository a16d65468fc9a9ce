#!/usr/bin/env bash
# Runs a command in the network of the cluster of up.sh, with KUBECONFIG set and kubectl on the PATH.
#
#   local/cluster/exec.sh curl http://10.96.0.10:9153/metrics
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=local/cluster/common.sh
. "$here/common.sh"

[ -f "$STATE/ready" ] || fail "no cluster is up in $STATE: local/cluster/up.sh brings one up"
[ $# -gt 0 ] || fail "usage: local/cluster/exec.sh COMMAND..."
PATH=$(cluster_bin):$PATH
export PATH KUBECONFIG=$KUBECONFIG_FILE
exec nsenter --net="/run/netns/$NAME" -- "$@"
