#!/usr/bin/env bash
# Resolves every dependency group anew and writes locks/<group>.txt: pinned, hashed, without download addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
uv=${UV:-.venv/bin/uv}
"$uv" lock --python .venv/bin/python "$@"
for group in front stream spark model-server train dev; do
  "$uv" export --quiet --frozen --no-default-groups --group "$group" --no-emit-project --no-annotate --no-header \
    >"locks/$group.txt.new"
  if grep -n '://' "locks/$group.txt.new"; then
    echo "lock: locks/$group.txt would carry an address" >&2
    exit 1
  fi
  mv "locks/$group.txt.new" "locks/$group.txt"
  echo "lock: locks/$group.txt $(grep -c '==' "locks/$group.txt") packages"
done
