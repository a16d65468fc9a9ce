#!/usr/bin/env bash
# Brings up a real one-node Kubernetes in a network namespace of its own, from programs built out of Go modules (build.sh):
# etcd, API server, controllers, scheduler, containerd, kubelet, kube-proxy, CoreDNS, metrics-server, volumes and network
# policies. Nothing of it is reachable from outside that namespace. `down.sh` ends it.
#
#   local/cluster/up.sh
#   KUBECONFIG=... is printed at the end, and how to use it
#
# WAYFARE_CLUSTER_STATE   where it keeps everything (default /var/lib/wayfare-cluster)
# WAYFARE_CLUSTER_NAME    name of its network namespace and its node (default wayfare-cluster)
# Needs root, Linux, Go. Exit status 69: no cluster can run on this machine; the last line says why.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=local/cluster/common.sh
. "$here/common.sh"
# shellcheck source=local/cluster/prerequisites.sh
. "$here/prerequisites.sh"
# shellcheck source=local/cluster/certificates.sh
. "$here/certificates.sh"
# shellcheck source=local/cluster/settings.sh
. "$here/settings.sh"

if [ -f "$STATE/ready" ] && inside kubectl --kubeconfig "$KUBECONFIG_FILE" get --raw /readyz >/dev/null 2>&1; then
  say "up already: state in $STATE"
  exit 0
fi
[ ! -e "$STATE" ] || fail "$STATE is there, but no cluster answers: end what is left of it by local/cluster/down.sh"
[ ! -e "/run/netns/$NAME" ] || fail "a network namespace named $NAME is there already: set WAYFARE_CLUSTER_NAME to another name"

BIN=$("$here/build.sh")
export PATH="$BIN:$PATH"
SECONDS=0 # how long the cluster takes, without the first build
mkdir -p "$STATE"/{pki,etc/cni,cni-bin,addresses,log,pid,volumes,kubelet} "$RUN"
trap 'status=$?; [ "$status" = 0 ] || { say "not up, see the logs in $STATE/log; then local/cluster/down.sh"; exit "$status"; }' EXIT

# -- network namespace ------------------------------------------------------------------------------------------------------

ip netns add "$NAME" || cannot "no network namespace can be made on this machine"
inside ip link set lo up
# A bridge without ports carries the node's address; the default route lets traffic to Services leave the routing table.
inside ip link add node0 type bridge
inside ip address add "$NODE_IP/${NODE_NET#*/}" dev node0
inside ip link set node0 up
inside ip route add default via "$NODE_IP" dev node0
inside sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1 net.ipv4.conf.all.route_localnet=1
for root in "${CGROUP_ROOTS[@]}"; do
  mkdir -p "$root/$NAME" || cannot "no cgroup can be made in $root"
  for setting in cpuset.cpus cpuset.mems; do # version 1: empty, and nothing could start in it
    [ ! -f "$root/$NAME/$setting" ] || cat "$root/$setting" >"$root/$NAME/$setting"
  done
  # On a busy machine all pods together would get the CPU of one process: a group counts as one.
  for weight in cpu.shares=40960 cpu.weight=4000; do
    [ ! -f "$root/$NAME/${weight%=*}" ] || echo "${weight#*=}" >"$root/$NAME/${weight%=*}"
  done
done
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  for controller in cpu cpuset memory pids io hugetlb; do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true # those that the machine has
    echo "+$controller" >"/sys/fs/cgroup/$NAME/cgroup.subtree_control" || true
  done 2>/dev/null
fi

start() { # name, command...
  local name=$1
  shift
  (cd "$STATE/pki" && exec setsid nsenter --net="/run/netns/$NAME" -- "$@" >>"$STATE/log/$name.log" 2>&1 </dev/null) &
  echo $! >"$STATE/pid/$name"
}
wait_for() { # seconds, what, command...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "$what did not come: see $STATE/log"
    sleep 0.2
  done
  say "$what after $SECONDS s"
}
kube() { inside kubectl --kubeconfig "$KUBECONFIG_FILE" "$@"; }

# -- control plane ----------------------------------------------------------------------------------------------------------

(cd "$STATE/pki" && make_certificates)
start etcd etcd --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster default=http://127.0.0.1:2380
start kube-apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 --secure-port 6443 --advertise-address "$NODE_IP" \
  --service-cluster-ip-range "$SERVICE_NET" --allow-privileged --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
  --tls-cert-file apiserver.crt --tls-private-key-file apiserver.key --client-ca-file ca.crt \
  --service-account-key-file service-accounts.pub --service-account-signing-key-file service-accounts.key --service-account-issuer https://kubernetes.default.svc \
  --kubelet-client-certificate admin.crt --kubelet-client-key admin.key --kubelet-preferred-address-types InternalIP \
  --requestheader-client-ca-file front-ca.crt --requestheader-allowed-names front-proxy-client --requestheader-username-headers X-Remote-User \
  --requestheader-group-headers X-Remote-Group --requestheader-extra-headers-prefix X-Remote-Extra- \
  --proxy-client-cert-file aggregator.crt --proxy-client-key-file aggregator.key --enable-aggregator-routing

# -- container runtime ------------------------------------------------------------------------------------------------------

RUNC=$(PATH=/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin command -v runc)
# Bit 24 of the bounding set is CAP_SYS_RESOURCE.
if ! (((0x$(awk '/^CapBnd/ {print $2}' /proc/self/status) >> 24) & 1)); then RUNC=$(realpath "$here/../../docker/base/runc-keep-limits"); fi
PAUSE_IMAGE=localhost/wayfare-cluster/pause:1
write_settings
start containerd containerd --config "$STATE/etc/containerd.toml" --log-level warn
wait_for 30 "containerd" ctr --address "$SOCKET" version
for name in pause coredns metrics-server; do
  python3 "$here/scratch_image.py" "localhost/wayfare-cluster/$name:1" "$BIN/$name" |
    ctr --address "$SOCKET" --namespace k8s.io images import --no-unpack - >/dev/null
done
wait_for 90 "API server" kube get --raw /readyz

# The autoscaler looks as often as metrics come, and believes a new pod's CPU sooner than a large cluster would.
start kube-controller-manager kube-controller-manager --kubeconfig controllers.conf --authentication-kubeconfig controllers.conf --authorization-kubeconfig controllers.conf \
  --bind-address 127.0.0.1 --leader-elect=false --use-service-account-credentials --service-account-private-key-file service-accounts.key --root-ca-file ca.crt \
  --cluster-signing-cert-file ca.crt --cluster-signing-key-file ca.key --allocate-node-cidrs --cluster-cidr "$POD_NET" --node-cidr-mask-size 24 --service-cluster-ip-range "$SERVICE_NET" \
  --horizontal-pod-autoscaler-sync-period=10s --horizontal-pod-autoscaler-cpu-initialization-period=20s --horizontal-pod-autoscaler-initial-readiness-delay=5s
start kube-scheduler kube-scheduler --kubeconfig scheduler.conf --authentication-kubeconfig scheduler.conf --authorization-kubeconfig scheduler.conf \
  --bind-address 127.0.0.1 --leader-elect=false

# -- the node and what runs on it ---------------------------------------------------------------------------------------------

start kubelet kubelet --config "$STATE/etc/kubelet.yaml" --kubeconfig node.conf --hostname-override "$NAME" --node-ip "$NODE_IP" \
  --root-dir "$STATE/kubelet" --cert-dir "$STATE/pki"
start kube-proxy kube-proxy --config "$STATE/etc/proxy.yaml"
helper() { # name, options...
  start "$1" env PYTHONPATH="$here/../.." PYTHONDONTWRITEBYTECODE=1 python3 -m "local.cluster.$1" --kubeconfig "$KUBECONFIG_FILE" "${@:2}"
}
helper network_policy --pods "$POD_NET" --addresses "$STATE/addresses"
helper volumes --volumes "$STATE/volumes"
wait_for 60 "node" kube get node "$NAME"
kube apply -f "$here/manifests" >/dev/null
kube wait --for=condition=Ready "node/$NAME" --timeout=90s >/dev/null
wait_for 120 "DNS" kube --namespace kube-system rollout status deployment/coredns --timeout=5s
wait_for 120 "metrics" kube get --raw /apis/metrics.k8s.io/v1beta1/nodes
touch "$STATE/ready"

cat <<TEXT
up after $SECONDS s. To use it:
  local/cluster/kubectl.sh get pods -A      # kubectl inside the cluster's network
  local/cluster/exec.sh COMMAND...          # any other command there, with KUBECONFIG set
  local/cluster/load.sh IMAGE...            # images from podman
  local/cluster/down.sh                     # ends it and leaves nothing
KUBECONFIG=$KUBECONFIG_FILE
TEXT
