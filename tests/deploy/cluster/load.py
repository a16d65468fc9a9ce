"""Steady load from inside the cluster: quotes and pings at a fixed rate, each answer judged.

    python load.py EVENTS_URL PRICING_URL TOKEN_FILE [--quotes 10] [--pings 5]

Runs until the file /tmp/stop appears, then prints one JSON object. Half of the callers open a connection for each request,
as a new app does; half keep theirs, as a gateway does, and ask again on a new one when the server has closed it before it
answered anything - what every gateway does, and harmless because quotes carry an Idempotency-Key and a ping counts once.
A call fails unless it is answered 201 or 202 within two seconds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import pathlib
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

STOP = pathlib.Path("/tmp/stop")
CALL_SECONDS = 2.0
CALLS_OF_ONE_CALLER = 3.0
PLACES = [(37.7793, -122.4193), (37.7955, -122.3937), (37.7694, -122.4862), (37.7599, -122.4148), (37.8024, -122.4058)]


@dataclass
class Tally:
    """What became of the calls of one kind."""

    calls: int = 0
    reopened: int = 0
    degraded: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    sources: Counter[str] = field(default_factory=Counter)

    def summary(self) -> dict[str, Any]:
        ordered = sorted(self.latencies_s)

        def quantile(q: float) -> float | None:
            return round(1000 * ordered[min(len(ordered) - 1, int(q * len(ordered)))], 1) if ordered else None

        return {
            "calls": self.calls,
            "failed": len(self.failures),
            "failures": self.failures[:20],
            "reopened": self.reopened,
            "degraded": self.degraded,
            "degraded_by": dict(self.reasons),
            "price_sources": dict(self.sources),
            "p50_ms": quantile(0.5),
            "p99_ms": quantile(0.99),
        }


class Caller:
    """Sends one kind of call at its share of the rate."""

    def __init__(self, url: str, token: str, keep: bool, tally: Tally, lock: threading.Lock) -> None:
        self._keep, self._tally, self._lock = keep, tally, lock
        self._options: dict[str, Any] = {
            "base_url": url,
            "timeout": CALL_SECONDS,
            "headers": {"Authorization": f"Bearer {token}"},
            "trust_env": False,
        }
        self._client: httpx.Client | None = None
        self._used = False

    def send(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
        if not self._keep:
            with httpx.Client(**self._options) as once:
                return once.post(path, json=body, headers=headers)
        if self._client is None:
            self._client, self._used = httpx.Client(**self._options), False
        try:
            answer = self._client.post(path, json=body, headers=headers)
            self._used = True
            return answer
        except httpx.TransportError as error:
            self._client.close()
            self._client = None
            if not self._used or not isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.WriteError):
                raise
            with self._lock:
                self._tally.reopened += 1
            return self.send(path, body, headers)

    def call(self, path: str, body: dict[str, Any], expected: int) -> None:
        began = time.monotonic()
        problem, answer = None, None
        try:
            answer = self.send(path, body, {"Idempotency-Key": uuid.uuid4().hex} if path == "/v1/quotes" else {})
            if answer.status_code != expected:
                problem = f"{answer.status_code} {answer.text[:200]}"
        except httpx.HTTPError as error:
            problem = f"{type(error).__name__}: {error}"
        took = time.monotonic() - began
        with self._lock:
            self._tally.calls += 1
            self._tally.latencies_s.append(took)
            if problem:
                kind = "kept" if self._keep else "new"
                self._tally.failures.append(f"{now()} {path} ({kind} connection, {took:.2f} s): {problem}")
            elif answer is not None and path == "/v1/quotes":
                quote = answer.json()
                self._tally.degraded += bool(quote["degraded"])
                self._tally.reasons.update(reason.partition(",")[0] for reason in quote["degraded"])
                self._tally.sources[quote["lineage"]["price_source"]] += 1


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def quote(number: int) -> dict[str, Any]:
    pickup, dropoff = PLACES[number % len(PLACES)], PLACES[(number + 1 + number // 7) % len(PLACES)]
    if pickup == dropoff:
        dropoff = PLACES[(number + 1) % len(PLACES)]
    ends = {"pickup": pickup, "dropoff": dropoff}
    return {name: {"lat": lat, "lon": lon} for name, (lat, lon) in ends.items()} | {"rider_id": f"load-{number % 50}"}


def pings(number: int) -> dict[str, Any]:
    lat, lon = PLACES[number % len(PLACES)]
    driver = f"load-{number % 40}"
    return {
        "pings": [{"driver_id": driver, "t": now(), "lat": lat + number % 9 / 1e4, "lon": lon, "status": "available"}]
    }


def work(caller: Caller, kind: str, every: float, numbers: itertools.count[int]) -> None:
    due = time.monotonic()
    while not STOP.exists():
        number = next(numbers)
        if kind == "quotes":
            caller.call("/v1/quotes", quote(number), 201)
        else:
            caller.call("/v1/driver-pings", pings(number), 202)
        due = max(due + every, time.monotonic() - every)  # a slow answer is not followed by a burst
        time.sleep(max(0.0, due - time.monotonic()))


def tell_weather(url: str, token: str) -> None:
    """One observation: without weather of the hour every quote would be degraded."""
    seen = {
        "t": now(),
        "lat": PLACES[0][0],
        "lon": PLACES[0][1],
        "temperature_c": 12.5,
        "rain_mm": 0.0,
        "humidity": 0.7,
        "wind_ms": 4.0,
    }
    answer = httpx.post(
        f"{url}/v1/weather",
        json={"observations": [seen]},
        headers={"Authorization": f"Bearer {token}"},
        timeout=10,
        trust_env=False,
    )
    answer.raise_for_status()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("events_url")
    parser.add_argument("pricing_url")
    parser.add_argument("token_file", type=pathlib.Path)
    parser.add_argument("--quotes", type=float, default=10.0, help="a second")
    parser.add_argument("--pings", type=float, default=5.0, help="a second")
    options = parser.parse_args()
    token = options.token_file.read_text().strip()
    tell_weather(options.events_url, token)

    began, lock, numbers = time.monotonic(), threading.Lock(), itertools.count()
    tallies = {"quotes": Tally(), "pings": Tally()}
    threads = []
    for kind, url, rate in (
        ("quotes", options.pricing_url, options.quotes),
        ("pings", options.events_url, options.pings),
    ):
        # A caller waits for its answer: there are enough of them to keep the rate when answers take a third of a second.
        callers = max(4, math.ceil(rate / CALLS_OF_ONE_CALLER)) if rate else 0
        for index in range(callers):
            caller = Caller(url, token, index % 2 == 0, tallies[kind], lock)
            threads.append(threading.Thread(target=work, args=(caller, kind, callers / rate, numbers)))
    for thread in threads:
        thread.start()
    print("started", flush=True)
    for thread in threads:
        thread.join()
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({"seconds": seconds} | {kind: tally.summary() for kind, tally in tallies.items()}), flush=True)


if __name__ == "__main__":
    main()
