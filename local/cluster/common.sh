# What the scripts of the cluster share. Sourced; `here` is the folder of the script.
# shellcheck shell=bash

STATE=${WAYFARE_CLUSTER_STATE:-/var/lib/wayfare-cluster}
NAME=${WAYFARE_CLUSTER_NAME:-wayfare-cluster}
RUN=/run/$NAME
SOCKET=$RUN/containerd.sock
KUBECONFIG_FILE=$STATE/admin.conf

# An address that is not loopback: the API server refuses to advertise one that is. No route leads to it from outside.
NODE_IP=192.168.231.1
NODE_NET=192.168.231.0/24
POD_NET=10.244.0.0/24
SERVICE_NET=10.96.0.0/16
API_IP=10.96.0.1
DNS_IP=10.96.0.10

UNAVAILABLE=69 # EX_UNAVAILABLE of sysexits.h: not a failure of what is tried, but nowhere to try it

say() { printf 'cluster: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
cannot() { say "$*"; exit $UNAVAILABLE; }

cluster_bin() {
  local hash
  hash=$({ uname -m; cd "$here" && cat build.sh && find go -type f | LC_ALL=C sort | xargs sha256sum; } | sha256sum | cut -c1-16)
  printf '%s/wayfare/cluster/%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}" "$hash"
}

# Only the network namespace is entered: `ip netns exec` would also mount a new /sys, without the cgroups.
inside() { nsenter --net="/run/netns/$NAME" -- "$@"; }
