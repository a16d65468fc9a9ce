#!/usr/bin/env bash
# Builds the programs of the one-node cluster from the pinned Go modules in go/, once, and prints the folder they are in.
#
#   local/cluster/build.sh
#
# They are kept under ${XDG_CACHE_HOME:-~/.cache}/wayfare/cluster/<hash of the sources>. The first build takes about ten
# minutes on two cores. Exit status 69: it cannot be built here; the last line says why.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=local/cluster/common.sh
. "$here/common.sh"

bin=$(cluster_bin)
if [ ! -x "$bin/complete" ]; then
  command -v go >/dev/null || cannot "Go 1.26 or newer is needed to build Kubernetes, and there is no go on the PATH"
  mkdir -p "$(dirname "$bin")"
  new=$(mktemp -d "$bin.XXXXXX")
  trap 'rm -rf "$new"' EXIT
  export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath"

  build() { # module, package, program, [flags of the linker]
    say "building $3"
    (cd "$here/go/$1" && go build -ldflags "-s -w ${4:-}" -o "$new/$3" "$2") >&2
  }
  # Without these the node says v0.0.0, and a chart's kubeVersion refuses it.
  version=$(cd "$here/go/kubernetes" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
  stamp=
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    minor=${version#v1.}
    stamp+=" -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*} -X $package.gitTreeState=clean"
  done
  build kubernetes . kube "$stamp"
  for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl; do ln -s kube "$new/$name"; done
  for name in etcd coredns pause; do build addons "./$name" "$name"; done
  build metrics-server sigs.k8s.io/metrics-server/cmd/metrics-server metrics-server
  ln -s kube "$new/complete"
  chmod 755 "$new"
  mv -T "$new" "$bin" 2>/dev/null || [ -x "$bin/complete" ]
fi
printf '%s\n' "$bin"
