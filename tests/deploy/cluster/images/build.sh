#!/usr/bin/env bash
# Builds the stand-ins of the data stores as <REGISTRY>/wayfare-standin/{kafka,cassandra,redis,s3}:<TAG>.
#
#   tests/deploy/cluster/images/build.sh [kafka|cassandra|redis|s3]...      without a name: all of them
#
# Kafka and Cassandra are the jars that local set-up runs (local/servers), Redis is Debian's, S3 is versitygw built from
# its Go module. An engine as docker/build.sh finds it; the base is the stand-in of docker/base where there is no other.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../../../../docker/engine.sh
. "$here/../../../../docker/engine.sh"
names=("$@")
((${#names[@]})) || names=(kafka cassandra redis s3)
engine
"$ENGINE" image inspect debian:bookworm-slim >/dev/null 2>&1 || "$ENGINE" pull -q debian:bookworm-slim >/dev/null 2>&1 || "$root/docker/base/stand-in.sh"

options=()
for file in /etc/ssl/certs/ca-certificates.crt; do
  [ "$ENGINE" = docker ] || [ ! -f "$file" ] || options+=(--volume "$file:$file:ro")
done
[ "$ENGINE" = docker ] || options+=(--pull=never --network=host --layers --format docker --timestamp 0)

work=$(mktemp -d "${TMPDIR:-/var/tmp}/stores-XXXXXX")
trap 'rm -rf "$work"' EXIT

jars() { # server: a folder of its verified jars
  (cd "$root" && "${PYTHON:-python3}" -c 'import sys; from local import jars, layout; print(jars.fetch(sys.argv[1], layout.default_cache()))' "$1")
}

gateway() { # the S3 server, kept under its sources' hash
  local hash kept
  hash=$({ uname -m; cat "$here/s3/go.mod" "$here/s3/go.sum"; } | sha256sum | cut -c1-16)
  kept=$cache/tools/versitygw-$hash
  if [ ! -x "$kept" ]; then
    command -v go >/dev/null || fail "Go is needed to build the S3 server, and there is no go on the PATH"
    say "building versitygw, minutes the first time"
    mkdir -p "$cache/tools"
    (cd "$here/s3" && CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "-s -w" -o "$kept.new" github.com/versity/versitygw/cmd/versitygw) >&2
    mv "$kept.new" "$kept"
  fi
  printf '%s' "$kept"
}

for name in "${names[@]}"; do
  context=$work/$name
  mkdir "$context"
  cp "$here/Dockerfile" "$context/"
  mkdir "$context/$name"
  [ ! -d "$here/$name" ] || cp -r "$here/$name" "$context/"
  case $name in
    kafka | cassandra) folder=$(jars "$name"); cp -r "$folder" "$context/$name/jars" ;;
    redis) ;;
    s3) binary=$(gateway); cp "$binary" "$context/s3/versitygw" ;;
    *) fail "stores are kafka, cassandra, redis and s3, got $name" ;;
  esac
  if [ "$name" = cassandra ]; then
    # The options of local set-up, without its folders: what Java must open for Cassandra is the same everywhere.
    grep -E '^--add|^-Xss|^-XX:(\+Exit|-UsePerf|\+UseG1)|^-D(jdk|io.netty|cassandra.(ring|skip|superuser))' "$root/local/servers/cassandra/jvm.options" >"$context/cassandra/conf/jvm.options"
    printf '%s\n' -javaagent:/opt/cassandra/lib/"$(basename "$context"/cassandra/jars/jamm-*.jar)" -Dcassandra-foreground=yes \
      -Dcassandra.storagedir=/var/lib/cassandra -Dcassandra.logdir=/tmp -Djna.tmpdir=/tmp -Dlogback.configurationFile=/etc/cassandra/logback.xml >>"$context/cassandra/conf/jvm.options"
  fi
  began=$SECONDS
  "$ENGINE" build "${options[@]}" --target "$name" --label io.wayfare.stand-in="$name" --tag "$REGISTRY/wayfare-standin/$name:$TAG" "$context" >"$work/log" 2>&1 ||
    { tail -30 "$work/log" >&2; fail "cannot build the stand-in of $name"; }
  say "$REGISTRY/wayfare-standin/$name:$TAG in $((SECONDS - began)) s"
done
