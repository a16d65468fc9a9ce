#!/usr/bin/env bash
# As the official image starts: the variables CASSANDRA_... go into cassandra.yaml, then Cassandra takes this process's place.
set -euo pipefail
[ "${1:-}" = cassandra ] || exec "$@"

address=$(hostname -i | cut -d' ' -f1)
: "${CASSANDRA_RPC_ADDRESS:=0.0.0.0}" "${CASSANDRA_LISTEN_ADDRESS:=auto}"
[ "$CASSANDRA_LISTEN_ADDRESS" != auto ] || CASSANDRA_LISTEN_ADDRESS=$address
: "${CASSANDRA_BROADCAST_ADDRESS:=$CASSANDRA_LISTEN_ADDRESS}"
[ "$CASSANDRA_BROADCAST_ADDRESS" != auto ] || CASSANDRA_BROADCAST_ADDRESS=$address
: "${CASSANDRA_BROADCAST_RPC_ADDRESS:=$CASSANDRA_BROADCAST_ADDRESS}" "${CASSANDRA_SEEDS:=$CASSANDRA_BROADCAST_ADDRESS}"

conf=${CASSANDRA_CONF:-/etc/cassandra}
[ -f "$conf/cassandra.yaml" ] || cp /etc/cassandra/* "$conf/"
setting() { # name, value: replaced where it is, added where it is not
  local line="$1: $2"
  if grep -qE "^(# *)?$1:" "$conf/cassandra.yaml"; then sed -ri "s|^(# *)?$1:.*|$line|" "$conf/cassandra.yaml"; else echo "$line" >>"$conf/cassandra.yaml"; fi
}
if [ -w "$conf/cassandra.yaml" ]; then
  sed -ri 's|^( *- seeds:).*|\1 "'"$CASSANDRA_SEEDS"'"|' "$conf/cassandra.yaml"
  setting listen_address "$CASSANDRA_LISTEN_ADDRESS"
  setting broadcast_address "$CASSANDRA_BROADCAST_ADDRESS"
  setting rpc_address "$CASSANDRA_RPC_ADDRESS"
  setting broadcast_rpc_address "$CASSANDRA_BROADCAST_RPC_ADDRESS"
  [ -z "${CASSANDRA_CLUSTER_NAME:-}" ] || setting cluster_name "$CASSANDRA_CLUSTER_NAME"
  [ -z "${CASSANDRA_ENDPOINT_SNITCH:-}" ] || setting endpoint_snitch "$CASSANDRA_ENDPOINT_SNITCH"
  [ -z "${CASSANDRA_NUM_TOKENS:-}" ] || setting num_tokens "$CASSANDRA_NUM_TOKENS"
  for rack in dc rack; do
    variable=CASSANDRA_${rack^^}
    [ -z "${!variable:-}" ] || { [ -f "$conf/cassandra-rackdc.properties" ] && sed -ri "s|^($rack=).*|\1${!variable}|" "$conf/cassandra-rackdc.properties"; }
  done
fi

heap=(-Xms"${MAX_HEAP_SIZE:-512M}" -Xmx"${MAX_HEAP_SIZE:-512M}")
# shellcheck disable=SC2086 # options, separated by blanks
exec java "${heap[@]}" @/etc/cassandra/jvm.options -Dcassandra.config="file:$conf/cassandra.yaml" ${JVM_EXTRA_OPTS:-} \
  -cp "$conf:/opt/cassandra/lib/*" org.apache.cassandra.service.CassandraDaemon
