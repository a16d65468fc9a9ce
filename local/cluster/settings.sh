# The settings files of containerd, kubelet, kube-proxy and the pods' network. Sourced by up.sh; writes to $STATE/etc.
# shellcheck shell=bash

write_settings() {
  cat >"$STATE/etc/containerd.toml" <<TOML
version = 2
root = "$STATE/containerd"
state = "$RUN/containerd"
oom_score = 0
# Not even loaded: each would probe the machine for a driver that this cluster never uses.
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "$SOCKET"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  disable_apparmor = true
  # Under \$RUN, so that the end of the cluster is the end of them.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$STATE/cni-bin"
    conf_dir = "$STATE/etc/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "$RUNC"
      SystemdCgroup = false
TOML
  cat >"$STATE/etc/cni/10-pods.conflist" <<JSON
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_NET"}]], "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "$STATE/cni"}},
  {"type": "portmap", "capabilities": {"portMappings": true}},
  {"type": "isolate", "addresses": "$STATE/addresses"}]}
JSON
  ln -s /usr/lib/cni/* "$STATE/cni-bin/"
  ln -s "$here/isolate.py" "$STATE/cni-bin/isolate"
  echo "nameserver 127.0.0.1" >"$STATE/etc/resolv.conf" # nothing outside the cluster has a name
  cat >"$STATE/etc/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $STATE/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $STATE/pki/node.crt
tlsPrivateKeyFile: $STATE/pki/node.key
containerRuntimeEndpoint: unix://$SOCKET
cgroupDriver: cgroupfs
cgroupRoot: /$NAME
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: $STATE/etc/resolv.conf
# Images cannot be pulled again, so none is ever thrown away.
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 200Mi, nodefs.available: 1Gi, imagefs.available: 1Gi}
nodeStatusUpdateFrequency: 5s
syncFrequency: 10s
registerNode: true
maxPods: 200
serializeImagePulls: false
runtimeRequestTimeout: 10m
podLogsDir: $STATE/log/pods
volumePluginDir: $STATE/kubelet/volumeplugins
YAML
  cat >"$STATE/etc/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $STATE/pki/proxy.conf}
hostnameOverride: $NAME
clusterCIDR: $POD_NET
mode: iptables
oomScoreAdj: 0
# The limits of connection tracking belong to the machine and are not writable from a namespace.
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
}
