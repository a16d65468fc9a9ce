#!/usr/bin/env bash
# Makes local stand-ins for the official base images, for machines that reach no container registry: the same Debian
# release and Python minor version, by debootstrap, under the official short name, so that an unchanged FROM builds.
# They are for building and trying out, never for release: docker/publish.sh refuses them by their label.
# Usage: docker/base/stand-in.sh            as root; does nothing for an image that is there
set -euo pipefail
# shellcheck source=../engine.sh
. "$(dirname "$0")/../engine.sh"
engine
base=localhost/debian:bookworm-slim
python=localhost/python:3.11-slim-bookworm
exists() { "$ENGINE" image inspect "$1" >/dev/null 2>&1; }
if exists "$base" && exists "$python"; then exit; fi

if ! command -v debootstrap >/dev/null; then
  [ "$(id -u)" = 0 ] || fail "debootstrap is needed, and root to run it: sudo apt-get install -y debootstrap"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >&2
fi
mirror=${DEBIAN_MIRROR:-$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -1)}
[ -n "$mirror" ] || mirror=$(awk '/^deb /{print $2; exit}' /etc/apt/sources.list)

work=$(mktemp -d "${TMPDIR:-/var/tmp}/stand-in-XXXXXX")
trap 'rm -rf "$work"' EXIT

# What slim images leave out, and what differs from build to build.
tidy() {
  rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/* "$1"/var/cache/ldconfig "$1"/etc/machine-id \
    "$1"/usr/share/{doc,man,locale,info}/* "$1"/var/cache/debconf/*-old "$1"/var/lib/dpkg/*-old "$1"/tmp/* "$1"/debootstrap
}

# $1 image, $2 description: what $work/rootfs holds becomes an image.
import() {
  tidy "$work/rootfs"
  tar -C "$work/rootfs" --sort=name --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" -c . |
    "$ENGINE" import --change 'CMD ["python3"]' --change "LABEL io.wayfare.stand-in=$2" - "$1" >/dev/null
  say "made $1"
}

say "Debian bookworm from $mirror"
debootstrap --variant=minbase --include=ca-certificates bookworm "$work/rootfs" "$mirror" >"$work/log" 2>&1 ||
  fail "debootstrap failed: $(tail -3 "$work/log")"
printf 'deb %s bookworm main\ndeb %s bookworm-updates main\n' "$mirror" "$mirror" >"$work/rootfs/etc/apt/sources.list"
security=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -- -security | head -1)
[ -z "$security" ] || printf 'deb %s bookworm-security main\n' "$security" >>"$work/rootfs/etc/apt/sources.list"
cp /etc/resolv.conf "$work/rootfs/etc/resolv.conf"
in_root() { chroot "$work/rootfs" env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@" >>"$work/log" 2>&1 || fail "$*: $(tail -3 "$work/log")"; }
in_root apt-get update -qq
in_root apt-get upgrade -y -qq
in_root apt-get clean
if ! exists "$base"; then import "$base" "debian:bookworm-slim"; fi
in_root apt-get update -qq
in_root apt-get install -y -qq --no-install-recommends python3 python3-venv
in_root apt-get clean
ln -s /usr/bin/python3 "$work/rootfs/usr/local/bin/python3"
ln -s /usr/bin/python3 "$work/rootfs/usr/local/bin/python"
import "$python" "python:3.11-slim-bookworm"
