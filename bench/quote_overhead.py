"""POST /v1/quotes through gunicorn against a bare gRPC Predict of the same row, on the same model server, taking turns.

Each round asks a number of times either way at concurrency 1 over one kept connection and compares medians. A ratio is bare
over quote, so 1 would be an answer that costs nothing beside the model; what a rider waits longer is
`overhead_ms`. The live window is refreshed and the surge map computed meanwhile, as in service.
"""

from __future__ import annotations

import http.client
import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil

from bench.stage import DOWNTOWN, MISSION, Stage
from local.stack import SERVER_NAMES, Stack

WARM_UP = 100


def run(quick: bool) -> dict[str, Any]:
    """Start servers and services, measure, and stop them."""
    with tempfile.TemporaryDirectory(prefix="wayfare-bench-") as name:
        folder = pathlib.Path(name)
        (folder / "stage").mkdir()
        servers = Stack(folder / "servers")
        try:
            with Stage(folder / "stage", servers.start(SERVER_NAMES)) as stage:
                return measure(stage, rounds=5 if quick else 15, asks=100 if quick else 300)
        finally:
            servers.stop()


def measure(stage: Stage, rounds: int, asks: int) -> dict[str, Any]:
    """The figures of one started stage."""
    connection = http.client.HTTPConnection("127.0.0.1", stage.http_port, timeout=5)
    body = json.dumps({"pickup": DOWNTOWN._asdict(), "dropoff": MISSION._asdict()})
    headers = {"Authorization": f"Bearer {stage.token('service', 'bench')}", "Content-Type": "application/json"}

    def quote() -> dict[str, Any]:
        connection.request("POST", "/v1/quotes", body, headers)
        answer = connection.getresponse()
        read = answer.read()
        if answer.status != 201:
            raise RuntimeError(f"a quote was answered {answer.status}, got {read[:300]!r}")
        found: dict[str, Any] = json.loads(read)
        return found

    version = quote()["lineage"]["version"]
    row = np.zeros((1, 25), np.float32)

    def bare() -> None:
        stage.predictor.predict(stage.model, version, row, 5.0)

    for _ in range(WARM_UP):
        quote()
        bare()
    quotes, bares = [], []
    for _ in range(rounds):
        bares.append(_median_ms(bare, asks))
        quotes.append(_median_ms(quote, asks))
    degraded = quote()["degraded"]
    if degraded:
        raise RuntimeError(f"the quotes measured must not be degraded, got {degraded}")
    overheads = [ours - theirs for ours, theirs in zip(quotes, bares, strict=True)]
    worker = max(
        psutil.Process(stage.processes["pricing_api"].pid).children(), key=lambda child: child.memory_info().rss
    )
    return {
        "name": "quote_overhead",
        "what": "POST /v1/quotes, p50 at concurrency 1",
        "peer": "a bare gRPC Predict of the same row",
        "ratios": [theirs / ours for ours, theirs in zip(quotes, bares, strict=True)],
        "aim": "overhead_ms at most 1",
        "figures": {
            "overhead_ms": statistics.median(overheads),
            "overhead_min_ms": min(overheads),
            "overhead_max_ms": max(overheads),
            "quote_p50_ms": statistics.median(quotes),
            "predict_p50_ms": statistics.median(bares),
            "worker_rss_mib": worker.memory_info().rss / 2**20,
        },
    }


def _median_ms(ask: Callable[[], object], times: int) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000
