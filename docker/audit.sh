#!/usr/bin/env bash
# Known vulnerabilities of the locked dependencies, from the package index's advisories.
# Usage: docker/audit.sh [GROUP...]         groups are the names of locks/*.txt; without one: what is shipped
# Exit status: 0 none known, 1 some known, 3 NOT CHECKED (the advisories of some package could not be had);
# with NOT_CHECKED=record 0 instead of 3, and the file build/not-checked/audit is there.
set -euo pipefail
# shellcheck source=engine.sh
. "$(dirname "$0")/engine.sh"
cd "$root"
groups=("$@")
[ ${#groups[@]} != 0 ] || groups=(front stream spark model-server train)
mkdir -p build/audit

audit() { # $1 group; writes build/audit/<group>.json
  timeout "${AUDIT_SECONDS:-300}" .venv/bin/pip-audit --progress-spinner off --disable-pip --require-hashes --desc off \
    --format json --output "build/audit/$1.json" --requirement "locks/$1.txt" >"build/audit/$1.log" 2>&1
}
status=0
for group in "${groups[@]}"; do
  [ -f "locks/$group.txt" ] || fail "groups are the names of locks/*.txt, got $group"
  rm -f "build/audit/$group.json"
  audit "$group" || true
  .venv/bin/python docker/audit_report.py "$group" "build/audit/$group.json" "build/audit/$group.log" || {
    found=$?
    # What is known to be bad outweighs what is not known.
    [ "$status" = 1 ] || status=$found
  }
done
leave audit "$status"
