#!/usr/bin/env bash
# Pushes the images of this commit and prints the digest of each; build/digests.yaml holds them as the chart's values.
# Usage: REGISTRY=host/path TAG=version docker/publish.sh [KIND...]
# Refused: a tree with changes, an image of another commit, an image on a stand-in or on an unpinned base.
# PUBLISH_OPTIONS go to the push, like --tls-verify=false. With oras on the path each SBOM of build/sbom/ is attached.
set -euo pipefail
# shellcheck source=engine.sh
. "$(dirname "$0")/engine.sh"
cd "$root"
kinds=("$@")
[ ${#kinds[@]} != 0 ] || kinds=("${KINDS[@]}")
[ "$REGISTRY" != localhost ] || fail "say where to push: REGISTRY=host/path, got $REGISTRY"
changed=$(git status --porcelain)
[ -z "$changed" ] || fail "only what is committed is published, got changes: $(head -3 <<<"$changed" | tr '\n' ';')"
engine
commit=$(git rev-parse HEAD)

label() { "$ENGINE" image inspect --format "{{index .Config.Labels \"$2\"}}" "$1" | sed 's/^<no value>$//'; }
check() { # $1 kind $2 image
  "$ENGINE" image inspect "$2" >/dev/null 2>&1 || fail "there is no $2: REGISTRY=$REGISTRY TAG=$TAG make images ARGS=$1"
  local made base
  made=$(label "$2" org.opencontainers.image.revision)
  [ "$made" = "$commit" ] || fail "$2 is of another commit: build it again, got $made instead of $commit"
  [ -z "$(label "$2" io.wayfare.stand-in)" ] || fail "$2 stands on a stand-in for $(label "$2" io.wayfare.stand-in): build it where a registry is reached"
  base=$(label "$2" org.opencontainers.image.base.name)
  [[ $base == *@sha256:* ]] || fail "$2 stands on an unpinned base: run make pin-images and commit docker/pinned.env, got $base"
}
for kind in "${kinds[@]}"; do check "$kind" "$(image_name "$kind")"; done

mkdir -p build
draft=$(mktemp)
trap 'rm -f "$draft" "$draft.digest"' EXIT
printf 'global:\n  image:\n    registry: %s\n    tag: "%s"\n    digests:\n' "$REGISTRY" "$TAG" >"$draft"
for kind in "${kinds[@]}"; do
  image=$(image_name "$kind")
  # shellcheck disable=SC2086 # options, separated by blanks
  case $ENGINE in
    podman) podman push --quiet ${PUBLISH_OPTIONS:-} --digestfile "$draft.digest" "$image" >/dev/null; digest=$(cat "$draft.digest") ;;
    docker) docker push --quiet ${PUBLISH_OPTIONS:-} "$image" >/dev/null; digest=$(docker image inspect --format '{{index .RepoDigests 0}}' "$image" | sed 's/.*@//') ;;
  esac
  printf '      %s: %s\n' "$kind" "$digest" >>"$draft"
  echo "$REGISTRY/wayfare/$kind:$TAG@$digest"
  if [ ! -f "build/sbom/$kind.cdx.json" ]; then
    say "no SBOM to attach to $kind: make scan makes it"
  elif command -v oras >/dev/null; then
    oras attach --artifact-type application/vnd.cyclonedx+json "$REGISTRY/wayfare/$kind@$digest" \
      "build/sbom/$kind.cdx.json:application/vnd.cyclonedx+json" >/dev/null
  else
    say "the SBOM of $kind is not attached, because oras is not installed: build/sbom/$kind.cdx.json"
  fi
done
mv "$draft" build/digests.yaml
say "wrote build/digests.yaml"
