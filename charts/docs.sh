#!/usr/bin/env bash
# Writes the README of every chart from its values.yaml.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
PATH=$(../local/tools/build.sh helm-docs | tail -1):$PATH
for chart in service wayfare datastores; do
  helm-docs --chart-search-root "$chart" --template-files README.md.gotmpl --sort-values-order file --log-level warning
done
