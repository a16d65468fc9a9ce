#!/usr/bin/env bash
# Puts images of podman into the cluster of up.sh, which has no registry to pull from.
#
#   local/cluster/load.sh localhost/wayfare/front:0.1.0 ...
#
# Their names must have a registry part, and pods must use the pull policy IfNotPresent or Never.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=local/cluster/common.sh
. "$here/common.sh"

[ -S "$SOCKET" ] || fail "no cluster is up in $STATE: local/cluster/up.sh brings one up"
[ $# -gt 0 ] || fail "usage: local/cluster/load.sh IMAGE..."
command -v podman >/dev/null || fail "podman is needed to read images, and it is not installed"
# One archive for all: a layer that several images share is copied once. Unpacked here and now, because kubelet gives a
# container two minutes to be made, and a large image takes longer on a busy disk.
podman save --quiet --format docker-archive --multi-image-archive "$@" |
  ctr --address "$SOCKET" --namespace k8s.io images import - >&2
