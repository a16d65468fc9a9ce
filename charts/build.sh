#!/usr/bin/env bash
# Packs the chart `service` into the chart `wayfare`, as `helm dependency build` does; what is packed already stays.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command -v helm >/dev/null || PATH=$(../local/tools/build.sh helm | tail -1):$PATH
mark=wayfare/charts/.built
hash=$({ find service -type f -not -path 'service/tests/*' -print0 | sort -z | xargs -0 cat; cat wayfare/Chart.yaml wayfare/Chart.lock; } | sha256sum | cut -c1-32)
[[ $(cat "$mark" 2>/dev/null) != "$hash" ]] || exit 0
helm dependency build wayfare >/dev/null
echo "$hash" >"$mark"
