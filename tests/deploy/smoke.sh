#!/usr/bin/env bash
# A ping and a quote through a running installation; exit status 0 only when both were taken.
#
#   PRICING_URL=https://pricing.example EVENTS_URL=https://events.example TOKEN_FILE=service.token tests/deploy/smoke.sh
#
# PRICING_URL, EVENTS_URL  public addresses of pricing_api and events_api
# TOKEN_FILE               file with a Bearer token of the role `service`
# CITY                     id of the city to try (default: the first that the installation knows)
# STRICT=1                 also fail when the quote is degraded: a model was not heard, or stale data stood in
# CA_FILE                  authority that signed the addresses' certificates, where the machine does not know it
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for name in PRICING_URL EVENTS_URL TOKEN_FILE; do
  [ -n "${!name:-}" ] || { echo "smoke: $name must be set: see the first lines of tests/deploy/smoke.sh" >&2; exit 2; }
done
exec "${PYTHON:-$here/../../.venv/bin/python}" "$here/smoke.py"
