"""What smoke.sh runs: asks which cities there are, sends the ping of a cab that is off duty, and asks for a quote.

The cab is `offline`, so no window counts it; a quote that nobody books changes nothing.
"""

from __future__ import annotations

import os
import pathlib
import sys
import time
from collections.abc import Mapping
from typing import Any

import httpx

SECONDS = 10.0


class SmokeFailed(Exception):
    """The installation did not do what it promises."""


def expect(answer: httpx.Response, status: int) -> Any:
    """The JSON of an answer with the promised status."""
    if answer.status_code != status:
        raise SmokeFailed(
            f"{answer.request.method} {answer.request.url} must be {status}, got {answer.status_code} {answer.text[:500]}"
        )
    return answer.json()


def smoke(environment: Mapping[str, str]) -> str:
    """One line about what came back; SmokeFailed or httpx.HTTPError when something did not."""
    token = pathlib.Path(environment["TOKEN_FILE"]).read_text().strip()
    verify = environment.get("CA_FILE") or True
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS, verify=verify) as client:
        cities = expect(client.get(f"{environment['PRICING_URL'].rstrip('/')}/v1/cities"), 200)["cities"]
        wanted = environment.get("CITY")
        city = next((row for row in cities if wanted in (None, "", row["id"])), None)
        if city is None:
            raise SmokeFailed(f"no city {wanted!r}, got {[row['id'] for row in cities]}")
        center = city["center"]
        ping = {"driver_id": "smoke", "t": city["now"], **center, "status": "offline"}
        taken = expect(
            client.post(f"{environment['EVENTS_URL'].rstrip('/')}/v1/driver-pings", json={"pings": [ping]}), 202
        )
        if taken["accepted"] != 1:
            raise SmokeFailed(f"one ping must be accepted, got {taken}")
        asked = {"pickup": center, "dropoff": {"lat": center["lat"] + 0.01, "lon": center["lon"]}}
        began = time.monotonic()
        quote = expect(client.post(f"{environment['PRICING_URL'].rstrip('/')}/v1/quotes", json=asked), 201)
        took_ms = 1000 * (time.monotonic() - began)
    if not quote["price"]["amount_minor"] > 0:
        raise SmokeFailed(f"a price must be more than nothing, got {quote['price']}")
    if quote["degraded"] and environment.get("STRICT") == "1":
        raise SmokeFailed(f"the quote must not be degraded, got {quote['degraded']}")
    price, lineage = quote["price"], quote["lineage"]
    return (
        f"{city['id']}: ping taken; quote {price['amount_minor'] / 100:.2f} {price['currency']} by {lineage['price_source']} "
        f"{lineage['model']} {lineage['version']} in {took_ms:.0f} ms; degraded: {quote['degraded'] or 'no'}"
    )


def main() -> int:
    """Exit status of smoke.sh."""
    try:
        print(f"smoke: {smoke(os.environ)}")
    except (SmokeFailed, httpx.HTTPError, OSError, ValueError) as error:
        print(f"smoke: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
