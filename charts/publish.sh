#!/usr/bin/env bash
# Packs the charts wayfare and datastores, signs them, and pushes them to a registry.
#   REGISTRY=host/path VERSION=1.2.3 charts/publish.sh
#   REGISTRY=host/path VERSION=1.3.0-main.7 TAG=<tag of the images> charts/publish.sh
# TAG                      the images that the chart installs unless told otherwise (default: VERSION)
# SIGNING_KEYRING          file with a private OpenPGP key (gpg --export-secret-keys); a release is refused without
# SIGNING_PASSPHRASE_FILE  its passphrase
# SIGNING_KEY              part of the key's user id, where the file holds several
# HELM_REGISTRY_CONFIG     credentials of the registry; PUBLISH_OPTIONS go to the push, like --plain-http
# Whoever installs checks the signature with `helm install --verify --keyring PUBLIC`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { echo "charts: $*" >&2; exit 1; }

semver='^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}(-[0-9A-Za-z.-]+)?$'
[[ ${VERSION:-} =~ $semver ]] || fail "VERSION must be a semantic version like 1.2.3, got '${VERSION:-}'"
[[ -n ${REGISTRY:-} && $REGISTRY != localhost ]] || fail "say where to push: REGISTRY=host/path, got '${REGISTRY:-}'"
if [[ $VERSION != *-* ]]; then
  grep -qx "## $VERSION" charts/CHANGELOG.md || fail "charts/CHANGELOG.md must have a heading '## $VERSION', and has none"
  [[ -n ${SIGNING_KEYRING:-} ]] || fail "a release is signed: set SIGNING_KEYRING, got nothing for version $VERSION"
fi

PATH=$(local/tools/build.sh helm | tail -1):$PATH
charts/build.sh
sign=()
if [[ -n ${SIGNING_KEYRING:-} ]]; then
  # Helm wants a part of the user id even where there is one key; an address has an @.
  sign=(--sign --keyring "$SIGNING_KEYRING" --key "${SIGNING_KEY:-@}")
  [[ -z ${SIGNING_PASSPHRASE_FILE:-} ]] || sign+=(--passphrase-file "$SIGNING_PASSPHRASE_FILE")
fi
out=build/charts; mkdir -p "$out"
draft=$(mktemp -d); trap 'rm -rf "$draft"' EXIT
cp -r charts/wayfare charts/datastores "$draft/"
# What is published installs the images that were published with it: services are charts of their own, with a version of theirs.
set_default() { # old line, new line
  [[ $(grep -cxF "$1" "$draft/wayfare/values.yaml") == 1 ]] || fail "charts/wayfare/values.yaml must have one line '$1'"
  sed -i "s|^$1\$|$2|" "$draft/wayfare/values.yaml"
}
set_default '    registry: localhost' "    registry: $REGISTRY"
set_default '    tag: ""' "    tag: \"${TAG:-$VERSION}\""
for chart in wayfare datastores; do
  rm -f "$out/$chart-$VERSION.tgz" "$out/$chart-$VERSION.tgz.prov"
  helm package "$draft/$chart" --version "$VERSION" --app-version "${TAG:-$VERSION}" --destination "$out" "${sign[@]}" >/dev/null
  # A provenance file beside the package is pushed with it.
  # shellcheck disable=SC2086 # options, separated by blanks
  helm push "$out/$chart-$VERSION.tgz" "oci://$REGISTRY/charts" ${PUBLISH_OPTIONS:-}
  echo "charts: $chart $VERSION$([[ -f $out/$chart-$VERSION.tgz.prov ]] && echo ', signed' || echo ', not signed') in oci://$REGISTRY/charts"
done
