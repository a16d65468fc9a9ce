# What the machine must have for a cluster of its own. Sourced by up.sh after common.sh; installs Debian packages as root.
# shellcheck shell=bash

[ "$(uname -s)" = Linux ] || cannot "Linux is needed, got $(uname -s)"
[ "$(id -u)" = 0 ] || cannot "root is needed for network namespaces and cgroups, got uid $(id -u)"

packages=()
needs() { command -v "$1" >/dev/null || packages+=("$2"); }
needs containerd containerd
needs runc runc
needs ip iproute2
needs iptables iptables
needs nft nftables
needs conntrack conntrack # kube-proxy forgets dead UDP peers by it
needs nsenter util-linux
needs openssl openssl
needs python3 python3
[ -x /usr/lib/cni/bridge ] || packages+=(containernetworking-plugins)
if ((${#packages[@]})); then
  command -v apt-get >/dev/null || cannot "these are needed and not installed, and there is no apt-get: ${packages[*]}"
  say "installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2 || true # a list that is there may do
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2 || cannot "apt-get could not install ${packages[*]}"
fi

# Version 1 has a folder per controller, version 2 one file that names them.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  CGROUP_ROOTS=(/sys/fs/cgroup)
  for controller in cpu memory pids; do
    grep -qw "$controller" /sys/fs/cgroup/cgroup.controllers || cannot "the cgroup controller $controller is not there, got: $(cat /sys/fs/cgroup/cgroup.controllers)"
  done
else
  CGROUP_ROOTS=()
  for controller in cpu cpuset memory pids; do
    [ -d "/sys/fs/cgroup/$controller" ] || cannot "the cgroup controller $controller is not mounted in /sys/fs/cgroup, got: $(ls /sys/fs/cgroup | tr '\n' ' ')"
  done
  for folder in /sys/fs/cgroup/*/; do [ -f "$folder/cgroup.procs" ] && CGROUP_ROOTS+=("${folder%/}"); done
fi

# Traffic between pods of one node crosses a bridge; without this neither Services nor policies see it.
[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || modprobe br_netfilter 2>/dev/null ||
  cannot "the kernel module br_netfilter is needed and cannot be loaded"
