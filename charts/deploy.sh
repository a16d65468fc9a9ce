#!/usr/bin/env bash
# Installs or upgrades Wayfare and waits until every pod is ready; a release that does not become ready is rolled back.
#   ENVIRONMENT=staging NAMESPACE=wayfare REGISTRY=host/path TAG=version charts/deploy.sh [OPTIONS OF helm upgrade]
# ENVIRONMENT  trial, staging or production: charts/wayfare/environments
# VALUES       further files of values, separated by blanks: addresses of stores, cities (charts/wayfare/examples)
# CHART        default: this tree's; or oci://host/path/charts/wayfare, with --version
# HELM         3 (default) or 4;  RELEASE  default wayfare;  TIMEOUT  default 15m, for a trial 30m
# Digests of images are taken from build/digests.yaml where it is of this REGISTRY and TAG (docker/publish.sh).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
fail() { echo "deploy: $*" >&2; exit 1; }

environment=$root/charts/wayfare/environments/${ENVIRONMENT:-}.yaml
[[ -f $environment ]] || fail "ENVIRONMENT must be one of trial, staging, production, got '${ENVIRONMENT:-}'"
[[ -n ${NAMESPACE:-} ]] || fail "NAMESPACE must name the namespace to install into, got nothing"
[[ -n ${TAG:-} ]] || fail "TAG must name the version of the images, got nothing"
tools=$("$root/local/tools/build.sh" helm helm4 | tail -1)
case ${HELM:-3} in
  3) helm=$tools/helm; on_failure=--atomic ;;
  4) helm=$tools/helm4; on_failure=--rollback-on-failure ;;
  *) fail "HELM must be 3 or 4, got '$HELM'" ;;
esac
chart=${CHART:-$root/charts/wayfare}
[[ $chart != "$root/charts/wayfare" ]] || "$root/charts/build.sh"

values=(--values "$environment")
for file in ${VALUES:-}; do values+=(--values "$file"); done
digests=$root/build/digests.yaml
if [[ -f $digests ]] && grep -qxF "    registry: ${REGISTRY:-localhost}" "$digests" && grep -qxF "    tag: \"$TAG\"" "$digests"; then
  values+=(--values "$digests")
fi
timeout=15m; [[ $ENVIRONMENT != trial ]] || timeout=30m # a trial makes its history and its model first
"$helm" upgrade --install "${RELEASE:-wayfare}" "$chart" --namespace "$NAMESPACE" "${values[@]}" \
  --set-string "global.image.registry=${REGISTRY:-localhost},global.image.tag=$TAG" \
  --wait "$on_failure" --timeout "${TIMEOUT:-$timeout}" --history-max 10 "$@"
