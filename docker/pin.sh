#!/usr/bin/env bash
# Writes docker/pinned.env: the digest that each official image has now, for builds and for docker compose. Needs a
# registry; writes nothing unless every digest could be had, and invents none.
# Usage: docker/pin.sh            then commit docker/pinned.env
set -euo pipefail
# shellcheck source=engine.sh
. "$(dirname "$0")/engine.sh"
cd "$root"
engine

# NAME=image:tag of every default in the Dockerfiles and in the compose file.
wanted() {
  sed -n 's/^ARG \([A-Z]*_IMAGE\)=\([^ ]*:[^ ]*\)$/\1=\2/p' docker/base/build.Dockerfile
  sed -n 's/.*\${\([A-Z]*_IMAGE\):-\([^}]*\)}.*/\1=\2/p' docker-compose.yml | sort -u
}

draft=$(mktemp)
trap 'rm -f "$draft"' EXIT
echo "# Written by make pin-images on $(date -u +%Y-%m-%d)." >"$draft"
for row in $(wanted); do
  name=${row%%=*} image=${row#*=}
  stand_in=$("$ENGINE" image inspect --format '{{index .Config.Labels "io.wayfare.stand-in"}}' "$image" 2>/dev/null || true)
  [[ -z $stand_in || $stand_in == "<no value>" ]] ||
    fail "nothing is pinned: $image is a stand-in here; remove it first: $ENGINE image rm --force $image"
  "$ENGINE" pull -q "$image" >/dev/null 2>"$draft.why" ||
    fail "nothing is pinned: $image cannot be pulled: $(tail -1 "$draft.why"; rm -f "$draft.why")"
  rm -f "$draft.why"
  digest=$("$ENGINE" image inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "$image" | sed -n 's/.*@\(sha256:[0-9a-f]\{64\}\)$/\1/p' | head -1)
  [ -n "$digest" ] || fail "nothing is pinned: $image was pulled without a digest"
  echo "$name=$image@$digest" | tee -a "$draft" >&2
done
mv "$draft" docker/pinned.env
chmod 644 docker/pinned.env
say "wrote docker/pinned.env"
