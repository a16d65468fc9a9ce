#!/usr/bin/env bash
# A change in a namespace of its own, to look at and to throw away:
#   export KUBECONFIG=... NAMESPACE=wayfare-pr-7 REGISTRY=host/path TAG=version
#   make preview ARGS=up        the namespace, development keys as Secrets, data stores to try out with
#   make deploy ENVIRONMENT=trial
#   make preview ARGS=smoke     a ping and a quote through what runs there
#   make preview ARGS=down      all of it gone; succeeds when nothing is there
# Needs kubectl on the path. A namespace that `up` did not make is never touched.
set -euo pipefail
cd "$(dirname "$0")/.."
mark=app.kubernetes.io/part-of=wayfare-preview

say() { printf 'preview: %s\n' "$*"; }
fail() { printf 'preview: %s\n' "$*" >&2; exit 1; }

[[ ${NAMESPACE:-} =~ ^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$ ]] || fail "NAMESPACE must be the name of a namespace, got '${NAMESPACE:-}'"
command -v kubectl >/dev/null || fail "kubectl is needed on the path, got none"

in_namespace() { kubectl --namespace "$NAMESPACE" "$@"; }
# Prints nothing where there is no such namespace.
owner() { kubectl get namespace "$NAMESPACE" --ignore-not-found --output 'jsonpath={.metadata.labels.app\.kubernetes\.io/part-of}{"/"}'; }

must_be_ours() {
  local owner
  owner=$(owner)
  [ "$owner" = wayfare-preview/ ] || fail "namespace $NAMESPACE was not made by \`make preview ARGS=up\`: it lacks the label $mark, got '${owner%/}'"
}

up() {
  if [ -n "$(owner)" ]; then
    must_be_ours
  else
    say "namespace $NAMESPACE"
    kubectl create --filename - <<YAML
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "$NAMESPACE", "labels": {
  "${mark%%=*}": "${mark##*=}", "pod-security.kubernetes.io/enforce": "restricted"}}}
YAML
  fi
  if [ -z "$(in_namespace get secret wayfare-service-token --ignore-not-found --output name)" ]; then
    say "development keys"
    local keys
    keys=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf '$keys'" EXIT
    .venv/bin/wayfare keys init "$keys" --development >/dev/null
    for row in quote-keys=quotes publisher-key=publisher trainer-key=trainer trusted-keys=trusted pseudonym-key=pseudonym session-key=session jwks=jwks service-token=tokens; do
      in_namespace create secret generic "wayfare-${row%%=*}" --from-file="$keys/${row##*=}" --dry-run=client --output=yaml |
        in_namespace apply --filename - >/dev/null
    done
  fi
  # Written once: the stores keep what they were first given.
  if [ -z "$(in_namespace get secret wayfare-object-store --ignore-not-found --output name)" ]; then
    in_namespace create --filename - >/dev/null <<YAML
{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wayfare-object-store"}, "stringData": {
  "AWS_ACCESS_KEY_ID": "preview", "AWS_SECRET_ACCESS_KEY": "$(od -An -tx1 -N20 /dev/urandom | tr -d ' \n')"}}
YAML
  fi
  say "data stores"
  "$(local/tools/build.sh helm | tail -1)/helm" upgrade --install stores charts/datastores --namespace "$NAMESPACE" --wait --timeout 15m
}

smoke() {
  must_be_ours
  # Not local: the trap runs after this function has ended.
  work=$(mktemp -d)
  finish() { kill "${forwards[@]}" 2>/dev/null || true; rm -rf "$work"; }
  forwards=()
  trap finish EXIT
  for service in pricing-api events-api; do
    in_namespace port-forward "service/wayfare-$service" --address 127.0.0.1 :80 >"$work/$service" 2>"$work/$service.error" &
    forwards+=($!)
  done
  in_namespace get secret wayfare-service-token --output 'jsonpath={.data.service\.token}' | (umask 077 && base64 --decode >"$work/token")
  say "smoke test"
  PRICING_URL=$(forwarded pricing-api) EVENTS_URL=$(forwarded events-api) TOKEN_FILE=$work/token tests/deploy/smoke.sh
}

# The address that kubectl chose; it writes it once it listens.
forwarded() {
  for ((tries = 0; tries < 100; tries++)); do
    address=$(sed -n 's/^Forwarding from \(127\.0\.0\.1:[0-9]*\) .*/\1/p' "$work/$1")
    [ -z "$address" ] || { echo "http://$address"; return; }
    sleep 0.2
  done
  fail "kubectl forwards no port to service wayfare-$1 of namespace $NAMESPACE, got: $(cat "$work/$1.error")"
}

down() {
  [ -n "$(owner)" ] || { say "there is no namespace $NAMESPACE"; return; }
  must_be_ours
  say "deleting namespace $NAMESPACE"
  kubectl delete namespace "$NAMESPACE" --wait --timeout 10m
}

case ${1:-} in
  up | smoke | down) "$1" ;;
  *) fail "one of up, smoke and down is needed, got '${1:-}'" ;;
esac
