#!/usr/bin/env bash
# Installs, upgrades, breaks and uninstalls Wayfare on a real Kubernetes: on that of KUBECONFIG, else on one that it makes
# on this machine (local/cluster) and ends afterwards.
#
#   tests/deploy/cluster/run.sh [OPTIONS OF PYTEST]
#   KUBECONFIG=~/.kube/config REGISTRY=registry.example/team TAG=1.2.0 STORAGE_CLASS=nfs tests/deploy/cluster/run.sh
#
# REGISTRY, TAG    the images (default: localhost and the project's version, built by docker/build.sh)
# STORAGE_CLASS    of a volume that several pods write to (default: the cluster's default class)
# NAMESPACE        default wayfare-test; it and <NAMESPACE>-apps are made and removed
# KEEP=1           leave everything standing, to look at it
# Exit status 69: there is no cluster here and none can be made; the last line says why. Figures: build/test-cluster.json.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../../.."
# shellcheck source=../../../docker/engine.sh
. docker/engine.sh
export REGISTRY TAG
images=(front stream trainer model-server)
stores=(kafka cassandra redis s3)

unavailable() { say "$*"; exit 69; }
began=$SECONDS
step() { say "$((SECONDS - began)) s: $*"; }

step "tools"
tools=$(local/tools/build.sh helm helm4)
export HELM=$tools/helm HELM4=$tools/helm4
export WAYFARE_TEST_CLUSTER=1
"$HELM" dependency build charts/wayfare >/dev/null

if [ -n "${KUBECONFIG:-}" ]; then
  command -v kubectl >/dev/null || fail "kubectl is needed to use the cluster of KUBECONFIG, and it is not on the PATH"
  kubectl get --raw /readyz >/dev/null || unavailable "the cluster of KUBECONFIG=$KUBECONFIG does not answer"
  step "tests on the cluster of $KUBECONFIG"
  exec .venv/bin/pytest tests/deploy/cluster -v --timeout=1800 "$@"
fi

# What two cores hold: the data stores, three pods of each front end, and a training beside them.
available=$(awk '/^MemAvailable/ {print int($2 / 1024 / 1024)}' /proc/meminfo)
((available >= 9)) || unavailable "a cluster with everything in it needs 9 GiB of memory, got $available GiB free"
# Images are copied out of podman, into the cluster's store, and unpacked there.
state=${WAYFARE_CLUSTER_STATE:-/var/lib/wayfare-cluster}
while [ ! -d "$state" ]; do state=$(dirname "$state"); done
room=$(df --output=avail --block-size=1G "$state" | tail -1)
((room >= 20)) || unavailable "a cluster's images and volumes need 20 GiB of disk, got ${room// /} GiB free in $state"

engine
missing=()
for name in "${images[@]}"; do "$ENGINE" image inspect "$(image_name "$name")" >/dev/null 2>&1 || missing+=("$name"); done
if ((${#missing[@]})); then
  step "images ${missing[*]}"
  docker/build.sh "${missing[@]}"
fi
[ "$ENGINE" = podman ] || unavailable "local/cluster takes its images from podman, and docker/build.sh built them with $ENGINE: give it a KUBECONFIG"
step "stand-ins of the data stores"
tests/deploy/cluster/images/build.sh "${stores[@]}"
export STORES_REGISTRY=$REGISTRY

end() { [ -n "${KEEP:-}" ] || local/cluster/down.sh; }
trap end EXIT
step "cluster"
local/cluster/up.sh || exit $?
step "images into the cluster"
names=()
for name in "${images[@]}"; do names+=("$(image_name "$name")"); done
for name in "${stores[@]}"; do names+=("$REGISTRY/wayfare-standin/$name:$TAG"); done
local/cluster/load.sh "${names[@]}"
step "tests"
local/cluster/exec.sh .venv/bin/pytest tests/deploy/cluster -v --timeout=1800 "$@"
step "done"
