#!/usr/bin/env bash
# What the scripts of this folder share; sourced, not run.
#   engine: sets ENGINE to docker where its daemon answers, else to podman, which is installed where that is allowed; else
#           exits with 69 (EX_UNAVAILABLE).
# shellcheck disable=SC2034 # the sourcing scripts read these
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/wayfare
KINDS=(front stream spark trainer model-server)

say() { printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2; }
fail() { say "$*"; exit 1; }

project_version() { sed -n 's/^version = "\(.*\)"$/\1/p' "$root/pyproject.toml"; }
: "${REGISTRY:=localhost}" "${TAG:=$(project_version)}"

# Of the commit, so that a commit always gives the same image; a work tree with changes gets the same date.
commit_time() { git -C "$root" log -1 --format=%ct 2>/dev/null || echo 0; }
revision() {
  local commit
  commit=$(git -C "$root" rev-parse HEAD 2>/dev/null) || { echo unknown; return; }
  [ -z "$(git -C "$root" status --porcelain -- . 2>/dev/null)" ] || commit=$commit-changed
  echo "$commit"
}

# $1 check, $2 status: ends with that status, 3 being "not checked". CI cannot read it through make, which turns every status
# into 2; with NOT_CHECKED=record a file tells it.
leave() {
  local note=$root/build/not-checked/$1
  rm -f "$note"
  [ "$2" = 3 ] && [ "${NOT_CHECKED:-fail}" = record ] || exit "$2"
  mkdir -p "$(dirname "$note")"
  date -u +%FT%TZ >"$note"
  say "NOT CHECKED, recorded in $note"
  exit 0
}

install_podman() {
  local wanted=(podman runc iptables fuse-overlayfs netavark aardvark-dns uidmap)
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing ${wanted[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >&2
  else
    say "a container engine is needed: start Docker, or type  sudo apt-get install -y --no-install-recommends ${wanted[*]}"
    exit 69
  fi
}

has() { local PATH=$PATH:/usr/sbin name; for name; do command -v "$name" >/dev/null || return 1; done; }

engine() {
  if command -v docker >/dev/null && docker info >/dev/null 2>&1; then ENGINE=docker; return; fi
  ENGINE=podman
  # Root's networks are made by netavark, which uses iptables and asks for no package of it.
  { has podman && { ((EUID)) || has iptables; }; } || install_podman
  # Where not even root may raise limits (many virtual machines and CI runners), the runtime must not be asked to.
  if ! raises_limits; then
    has runc || install_podman
    mkdir -p "$cache/containers"
    cat >"$cache/containers/containers.conf" <<CONF
[engine]
runtime = "keep-limits"
cgroup_manager = "cgroupfs"
events_logger = "file"
[engine.runtimes]
keep-limits = ["$root/docker/base/runc-keep-limits"]
CONF
    export CONTAINERS_CONF=$cache/containers/containers.conf
  fi
}

# CAP_SYS_RESOURCE is bit 24.
raises_limits() { local set; set=$(sed -n 's/^CapBnd:\t//p' /proc/self/status); (((16#$set >> 24) & 1)); }

image_name() { printf '%s/wayfare/%s:%s' "$REGISTRY" "$1" "$TAG"; }
