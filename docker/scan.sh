#!/usr/bin/env bash
# What is in the images: an SBOM each (CycloneDX, by syft, in build/sbom/), their licences against docker/licences.toml,
# and known vulnerabilities by grype where it and its database can be had.
# Usage: docker/scan.sh [KIND...]         without a kind: all images that docker/build.sh makes
# Exit status: 0 all fine, 1 a licence or a vulnerability is refused, 3 vulnerabilities were NOT CHECKED; with
# NOT_CHECKED=record 0 instead of 3, and the file build/not-checked/scan is there.
set -euo pipefail
# shellcheck source=engine.sh
. "$(dirname "$0")/engine.sh"
cd "$root"
kinds=("$@")
[ ${#kinds[@]} != 0 ] || kinds=("${KINDS[@]}")
engine
tools=$(local/tools/build.sh syft)
mkdir -p build/sbom
work=$(mktemp -d "${TMPDIR:-/var/tmp}/scan-XXXXXX")
trap 'rm -rf "$work"' EXIT

sbom() { # $1 kind
  local image
  image=$(image_name "$1")
  "$ENGINE" image inspect "$image" >/dev/null 2>&1 || fail "there is no $image: make images ARGS=$1"
  case $ENGINE in
    podman) podman save --quiet --format docker-archive --output "$work/image.tar" "$image" ;;
    docker) docker save --output "$work/image.tar" "$image" ;;
  esac
  SYFT_CHECK_FOR_APP_UPDATE=false "$tools/syft" scan --quiet "docker-archive:$work/image.tar" --source-name "wayfare/$1" \
    --source-version "$TAG" --select-catalogers -file --output "cyclonedx-json=build/sbom/$1.cdx.json"
  rm -f "$work/image.tar"
}

vulnerabilities() { # $1 kind; prints the verdict
  command -v grype >/dev/null || { echo "$1: vulnerabilities NOT CHECKED: grype is not installed"; return 3; }
  if ! grype db status >/dev/null 2>&1 && ! grype db update >/dev/null 2>"$work/why"; then
    echo "$1: vulnerabilities NOT CHECKED: grype's database cannot be had: $(tail -1 "$work/why")"
    return 3
  fi
  grype "sbom:build/sbom/$1.cdx.json" --only-fixed --fail-on "${FAIL_ON:-high}" || return 1
}

status=0
for kind in "${kinds[@]}"; do
  sbom "$kind"
  .venv/bin/python docker/licences.py "$kind" "build/sbom/$kind.cdx.json" || status=1
  vulnerabilities "$kind" || { found=$?; [ "$status" = 1 ] || status=$found; }
done
leave scan "$status"
