"""A front end's copy of the live window refreshed in one round trip, against reading each cell by its own Redis call.

Before every refresh the open pane has changed, as it does in service. The peer keeps one number per gauge and cell, is told which
cells have any (a favour: it would have to ask), and reads each by a GET over the same kind of connection. Both see equal
counts. Bytes are Redis's own account of what it sent and was sent.
"""

from __future__ import annotations

import pathlib
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bench.paired import ratios
from local import cities
from local.stack import Stack
from wayfare.adapters import redis_client
from wayfare.adapters.redis_window import RedisWindow
from wayfare.domain.city import SOURCES
from wayfare.domain.geo.cells import cells_of
from wayfare.domain.streams.panes import GAUGE_TOPIC, GAUGES, LEVELS, PANE_MS, WINDOW_PANES, PaneRegister
from wayfare.domain.streams.window import LiveWindow
from wayfare.inventory import topic

CABS = 20_000


def run(quick: bool) -> dict[str, Any]:
    """Start Redis, measure, stop it."""
    with tempfile.TemporaryDirectory(prefix="wayfare-bench-") as name:
        servers = Stack(pathlib.Path(name))
        try:
            return measure(servers.start(["redis"]).redis_url, 3 if quick else 9)
        finally:
            servers.stop()


class _Feed:
    """What ingest would write: cabs and requests of a city that move from refresh to refresh."""

    def __init__(self, city: str) -> None:
        self._city, self._offset, self._draw = city, 0, np.random.default_rng(6)

    def pane(self, pane: int, closed: bool) -> list[PaneRegister]:
        """The registers of one pane."""
        found = []
        for gauge in GAUGES:
            count = CABS if gauge in LEVELS else CABS // 20
            for partition in range(topic(GAUGE_TOPIC[gauge]).partitions):
                self._offset += 1
                lat, lon = (self._draw.normal(at, 0.03, count // 4) for at in (37.765, -122.44))
                cells, counts = np.unique(cells_of(lat, lon), return_counts=True)
                found.append(
                    PaneRegister(
                        self._city,
                        gauge,
                        GAUGE_TOPIC[gauge],
                        partition,
                        pane,
                        self._offset,
                        pane * PANE_MS + self._offset,
                        closed,
                        int(counts.sum()),
                        cells,
                        counts.astype(np.uint32),
                    )  # fmt: skip
                )
        return found


def measure(redis_url: str, turns: int) -> dict[str, Any]:
    """The figures over a running Redis."""
    client = redis_client.connect(redis_url, 5.0)
    city = replace(cities.load("sim"), id=f"c{secrets.token_hex(5)}", sources=SOURCES)
    store, feed, now = RedisWindow(client), _Feed(city.id), 29_000_000
    window = LiveWindow(city, partitions={name: topic(name).partitions for name in set(GAUGE_TOPIC.values())})
    for pane in range(now - WINDOW_PANES, now):
        store.put(feed.pane(pane, closed=True))
    seconds: dict[str, list[float]] = {"one": [], "each": [], "cold": []}
    moved: dict[str, list[float]] = {"one": [], "each": []}

    def refresh() -> None:
        window.update(store.read(city.id, now, window.whole_panes()))

    for _ in range(turns + 1):
        store.put(feed.pane(now, closed=False))
        took, size = _cost(client, refresh)
        seconds["one"].append(took)
        moved["one"].append(size)
        expected = {g: dict(zip(*(a.tolist() for a in window.cells(g)), strict=True)) for g in GAUGES}
        keys = {f"peer:{city.id}:{g}:{c}": n for g in GAUGES for c, n in expected[g].items()}
        client.mset(keys)
        read: dict[str, int] = {}

        def each(keys: dict[str, int] = keys, read: dict[str, int] = read) -> None:
            for key in keys:
                read[key] = int(client.get(key))

        took, size = _cost(client, each)
        if read != keys:
            raise AssertionError("both must see the same counts, got others")
        seconds["each"].append(took)
        moved["each"].append(size)
        fresh = LiveWindow(city, partitions={name: topic(name).partitions for name in set(GAUGE_TOPIC.values())})
        seconds["cold"].append(_cost(client, lambda fresh=fresh: fresh.update(store.read(city.id, now)))[0])
        client.delete(*keys)
    # The first refresh read the whole window.
    times = ratios(seconds["each"][1:], seconds["one"][1:])
    return {
        "name": "window_refresh",
        "what": "a front end's window refreshed, time",
        "peer": "each cell by its own Redis call",
        "ratios": times,
        "aim": "at least 100",
        "figures": {
            "refresh_ms": statistics.median(seconds["one"][1:]) * 1000,
            "whole_window_ms": statistics.median(seconds["cold"]) * 1000,
            "each_cell_ms": statistics.median(seconds["each"][1:]) * 1000,
            "cells_of_all_gauges": len(keys),
            "refresh_bytes": statistics.median(moved["one"][1:]),
            "each_cell_bytes": statistics.median(moved["each"][1:]),
            "bytes_ratio": statistics.median(moved["each"][1:]) / statistics.median(moved["one"][1:]),
        },
    }


def _cost(client: Any, call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of a call, and bytes to and from Redis meanwhile."""

    def total() -> int:
        stats = client.info("stats")
        return int(stats["total_net_input_bytes"]) + int(stats["total_net_output_bytes"])

    before = total()
    began = time.perf_counter()
    call()
    took = time.perf_counter() - began
    return took, float(total() - before)
