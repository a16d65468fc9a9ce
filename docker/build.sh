#!/usr/bin/env bash
# Builds the images <REGISTRY>/wayfare/<kind>:<TAG>, with docker where its daemon answers, else with podman.
# Usage: docker/build.sh [--no-cache] [front|stream|spark|trainer|model-server]...      without a kind: all of them
#   REGISTRY (localhost), TAG (the project's version), SOURCE_DATE_EPOCH (the time of the commit)
# Base images are the digests of docker/pinned.env where `make pin-images` has written them, else what the engine has or
# can pull under their tags; where no registry can be reached, docker/base/stand-in.sh makes stand-ins.
set -euo pipefail
# shellcheck source=engine.sh
. "$(dirname "$0")/engine.sh"
cd "$root"

kinds=() options=()
for argument in "$@"; do
  case $argument in
    --no-cache) options+=(--no-cache) ;;
    -h | --help) sed -n 's/^# \?//p' "$0" | sed 1d; exit ;;
    *)
      [[ " ${KINDS[*]} " == *" $argument "* ]] || fail "kinds of images are: ${KINDS[*]}, got $argument"
      kinds+=("$argument")
      ;;
  esac
done
[ ${#kinds[@]} != 0 ] || kinds=("${KINDS[@]}")
engine
# Files and layers all carry one constant date, so that what did not change keeps its digest from commit to commit; when
# the image was made is told by its label alone.
readonly LAYER_TIME=315532800 # 1980-01-01, the first that a zip archive can hold
created=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(commit_time)}" +%Y-%m-%dT%H:%M:%SZ)

if [ -f docker/pinned.env ]; then
  # shellcheck disable=SC1091
  . docker/pinned.env
fi
PYTHON_IMAGE=${PYTHON_IMAGE:-$(sed -n 's/^ARG PYTHON_IMAGE=//p' docker/base/build.Dockerfile)}
if ! "$ENGINE" image inspect "$PYTHON_IMAGE" >/dev/null 2>&1 && ! "$ENGINE" pull -q "$PYTHON_IMAGE" >/dev/null 2>&1; then
  say "$PYTHON_IMAGE is neither here nor to be pulled: a stand-in is made"
  docker/base/stand-in.sh
fi

# Installers in a build must trust the package index as this machine does; its files are lent for the build, not copied.
# Not lent to what images stand on: an engine leaves an empty file where it mounted one.
lent=()
for file in /etc/ssl/certs/ca-certificates.crt /etc/pip.conf; do
  [ "$ENGINE" = docker ] || [ ! -f "$file" ] || lent+=(--volume "$file:$file:ro")
done
case $ENGINE in
  podman) options+=(--pull=never --network=host --layers --timestamp "$LAYER_TIME" --format docker) ;;
  docker) options+=(--provenance=false --output "type=docker,rewrite-timestamp=true") ;;
esac
options+=(--build-arg "SOURCE_DATE_EPOCH=$LAYER_TIME")

# $1 image, then arguments of the build.
build() {
  local image=$1 began=$SECONDS
  shift
  "$ENGINE" build "${options[@]}" --tag "$image" "$@" . >"$log" 2>&1 || { tail -40 "$log" >&2; fail "cannot build $image"; }
  say "$image in $((SECONDS - began)) s"
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

steps=$(cat docker/steps/harden.sh docker/steps/java.sh docker/steps/keystore.py | sha256sum | cut -c1-16)
bases=(tools project runtime)
[[ " ${kinds[*]} " != *" spark "* && " ${kinds[*]} " != *" trainer "* ]] || bases+=(jvm)
made=(--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE")
for base in "${bases[@]}"; do
  image=localhost/wayfare/$base:$TAG
  case $base in
    tools | project) build "$image" "${lent[@]}" --file docker/base/build.Dockerfile --target "$base" "${made[@]}" ;;
    *) build "$image" --file docker/base/runtime.Dockerfile --target "$base" "${made[@]}" --build-arg "STEPS=$steps" ;;
  esac
  made+=(--build-arg "$(tr '[:lower:]' '[:upper:]' <<<"$base")_IMAGE=$image")
done

for kind in "${kinds[@]}"; do
  build "$(image_name "$kind")" "${lent[@]}" --file "docker/$kind.Dockerfile" "${made[@]}" \
    --label "org.opencontainers.image.title=wayfare/$kind" \
    --label "org.opencontainers.image.version=$TAG" \
    --label "org.opencontainers.image.revision=$(revision)" \
    --label "org.opencontainers.image.created=$created" \
    --label "org.opencontainers.image.source=${SOURCE_URL:-}" \
    --label "org.opencontainers.image.licenses=Apache-2.0" \
    --label "org.opencontainers.image.base.name=$PYTHON_IMAGE"
done
