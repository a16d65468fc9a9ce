#!/usr/bin/env bash
# Ends the cluster of up.sh, also a half-started one, and leaves nothing of it: no process, mount, cgroup, network or file.
#
#   local/cluster/down.sh
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=local/cluster/common.sh
. "$here/common.sh"
[ "$(id -u)" = 0 ] || fail "root is needed, got uid $(id -u)"

runs() { # name: whether the process noted under that name is still the one that was started
  local pid
  pid=$(cat "$STATE/pid/$1" 2>/dev/null) && [ -n "$pid" ] && [ -d "/proc/$pid" ] &&
    [ "$(readlink "/proc/$pid/ns/net")" = "net:[$(stat -Lc %i "/run/netns/$NAME" 2>/dev/null)]" ]
}
end() { # names
  local name
  for name in "$@"; do runs "$name" && kill "$(cat "$STATE/pid/$name")"; done
  for name in "$@"; do
    for _ in $(seq 50); do runs "$name" || break; sleep 0.1; done
    runs "$name" && kill -KILL "$(cat "$STATE/pid/$name")"
  done
}

# First whatever would start pods anew, then the pods, then what they ran on.
end network_policy volumes kubelet kube-proxy kube-scheduler kube-controller-manager
if runs containerd; then
  containers() { timeout 20 ctr --address "$SOCKET" --namespace k8s.io "$@" 2>/dev/null; }
  # shellcheck disable=SC2046 # ids without blanks
  set -- $(containers tasks list -q)
  for id in "$@"; do containers tasks kill -s SIGKILL --all "$id"; done
  for id in "$@"; do containers tasks delete --force "$id"; done
  for id in $(containers containers list -q); do containers containers delete "$id"; done
fi
end kube-apiserver containerd etcd
# A shim outlives its containerd by design; those of this cluster name its socket.
for folder in /proc/[0-9]*; do
  if { tr '\0' ' ' <"$folder/cmdline"; } 2>/dev/null | grep -qE "containerd-shim.* -address $SOCKET( |$)"; then kill -KILL "${folder#/proc/}" 2>/dev/null; fi
done

awk '{print $2}' /proc/mounts | grep -E "^($STATE|$RUN)/" | sort -r | while read -r mount; do umount -l "$mount"; done
ip netns delete "$NAME" 2>/dev/null
for root in /sys/fs/cgroup /sys/fs/cgroup/*/; do
  [ ! -d "${root%/}/$NAME" ] || find "${root%/}/$NAME" -depth -type d -exec rmdir {} \; 2>/dev/null
done
rm -rf "${STATE:?}" "${RUN:?}"

left=()
[ ! -e "$STATE" ] || left+=("$STATE")
[ ! -e "/run/netns/$NAME" ] || left+=("network namespace $NAME")
for folder in /sys/fs/cgroup/"$NAME" /sys/fs/cgroup/*/"$NAME"; do [ ! -d "$folder" ] || left+=("$folder"); done
((${#left[@]} == 0)) || fail "could not remove: ${left[*]}"
say "down; nothing is left in $STATE"
