#!/usr/bin/env bash
# Builds the pinned tools of tools.txt from source and prints the folder that holds them as the last line.
#   local/tools/build.sh              all of them
#   local/tools/build.sh helm syft    only these
# Each tool is a Go module of its own here: go.mod pins its version, go.sum the hash of everything it is made of.
# What is built is kept under ${XDG_CACHE_HOME:-~/.cache}/wayfare/tools; a second run builds nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/wayfare/tools

say() { echo "tools: $*" >&2; }
table() { grep -v '^#' "$here/tools.txt"; }
digest() { sha256sum | cut -c1-16; }
# The Go release belongs to the name: another one may build another binary.
hash_of() { cat "$here/$1/go.mod" "$here/$1/go.sum" "$here/tools.txt" "$here/build.sh" <(echo "${GO_RELEASE:-}") | digest; }

need_go() {
  [[ -x /usr/local/go/bin/go ]] && PATH=$PATH:/usr/local/go/bin
  local wanted; wanted=$(sed -n 's/^go //p' "$here"/*/go.mod | sort -V | tail -1)
  if ! command -v go >/dev/null && [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    local candidate; candidate=$(apt-cache policy golang-go | sed -n 's/.*Candidate: [0-9]*:\{0,1\}//p')
    # From 1.21 on, Go fetches the release that go.mod asks for by itself.
    if [[ $candidate == [1-9]* ]] && printf '1.21\n%s\n' "$candidate" | sort -VC; then
      say "installing golang-go $candidate"; apt-get install -y --no-install-recommends golang-go ca-certificates >&2
    fi
  fi
  local found; found=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null || true); found=${found#go}
  local least=$wanted; [[ $(go env GOTOOLCHAIN 2>/dev/null || true) == local ]] || least=1.21
  if [[ -z $found ]] || ! printf '%s\n%s\n' "$least" "$found" | sort -VC; then
    say "Go $wanted is needed (with GOTOOLCHAIN=auto any from 1.21 on will do): unpack it from https://go.dev/dl" \
      "to /usr/local/go and run this again, got ${found:-none}"
    exit 1
  fi
  GO_RELEASE=$found
}

build() { # name package variable kept
  local name=$1 package=$2 variable=$3 kept=$4 version flags="-s -w" draft
  cd "$here/$name"
  version=$(go list -f '{{with .Module}}{{.Version}}{{end}}' "$package")
  [[ $variable == - ]] || flags+=" -X $variable=$version"
  if [[ $name == helm ]]; then # `helm template` and `lint` take the newest Kubernetes that this release knows of
    local minor; minor=$(go list -m -f '{{.Version}}' k8s.io/client-go | cut -d. -f2)
    for at in pkg/chartutil pkg/lint/rules; do flags+=" -X helm.sh/helm/v3/$at.k8sVersionMajor=1 -X helm.sh/helm/v3/$at.k8sVersionMinor=$minor"; done
  fi
  say "building $name $version"
  draft=$(mktemp -d "$cache/draft.XXXXXX")
  CGO_ENABLED=0 GOFLAGS=-buildvcs=false go build -trimpath -mod=readonly -ldflags "$flags" -o "$draft/$name" "$package"
  mkdir -p "$kept" && mv "$draft/$name" "$kept/$name" && rmdir "$draft"
  cd "$here"
}

names=("$@"); [[ $# -gt 0 ]] || mapfile -t names < <(table | awk '{print $1}')
mkdir -p "$cache"; need_go
bin=$cache/$(cat "$here"/*/go.mod "$here"/*/go.sum "$here/tools.txt" "$here/build.sh" <(echo "$GO_RELEASE") | digest); mkdir -p "$bin"
for name in "${names[@]}"; do
  row=$(table | awk -v name="$name" '$1 == name')
  [[ -n $row ]] || { say "the tools are $(table | awk '{print $1}' | xargs), got $name"; exit 2; }
  read -r _ package variable <<<"$row"
  kept=$cache/built/$name-$(hash_of "$name")
  exec 9>"$cache/.$name.lock"; flock 9 # two runs at once build a tool once
  [[ -x $kept/$name ]] || build "$name" "$package" "$variable" "$kept"
  exec 9>&-
  ln -sfn "$kept/$name" "$bin/$name"
done
echo "$bin"
