"""How cost grows: with drivers, non-empty cells, panes and partitions; a fitted slope and a picture of each.

A slope is the exponent b of cost = a * n^b, by least squares over logarithms: 0 is a cost that does not grow, 1 one that grows as
fast as n. Costs are the least CPU time of some turns. Pictures go to `docs/performance/`, drawn in the peers' environment.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from bench.paired import seconds_of
from bench.peer_environment import ROOT, STREAM_PEERS, python
from local import cities
from wayfare.domain.city import SOURCES, Place
from wayfare.domain.geo.cells import cells_of
from wayfare.domain.streams import pane_bytes, sketch
from wayfare.domain.streams.cabs import Cabs
from wayfare.domain.streams.columns import Identities, PingColumns
from wayfare.domain.streams.panes import GAUGE_TOPIC, PANE_MS, PaneRegister
from wayfare.domain.streams.window import LiveWindow

T0 = 30_000_000 * PANE_MS
PINGS = 20_000
"""Pings of one measured batch, whatever the number of drivers known."""

Curve = list[tuple[int, float]]


def run(quick: bool) -> dict[str, Any]:
    """All curves, their slopes and pictures."""
    times = 2 if quick else 4
    most = 100_000 if quick else 1_000_000
    steps = [n for n in (1_000, 10_000, 100_000, 1_000_000) if n <= most]
    curves = {
        "drivers": ("drivers known", "ns per ping", _curve(steps, lambda n: _ping_ns(n, 2_000, times))),
        "cells": ("non-empty cells", "ns per ping", _curve(steps, lambda n: _ping_ns(100_000, n, times))),
        "register": ("non-empty cells", "ms per register", _curve(steps, lambda n: _register_ms(n, times))),
        "panes": ("panes in the window", "ms per whole refresh", _curve([10, 20, 30, 60], lambda n: _window_ms(n, 4, times))),
        "partitions": ("partitions", "ms per whole refresh", _curve([1, 2, 4, 8, 16], lambda n: _window_ms(10, n, times))),
    }  # fmt: skip
    slopes = {name: slope(curve) for name, (_x, _y, curve) in curves.items()}
    if not quick:
        _draw(curves, slopes)
    return {
        "name": "growth",
        "what": "how cost grows",
        "peer": "-",
        "ratios": [],
        "aim": "work per ping independent of the number of cells",
        "figures": {
            **{f"slope_{name}": value for name, value in slopes.items()},
            **{f"{name}_{n}": value for name, (_x, _y, curve) in curves.items() for n, value in curve},
        },
    }


def slope(curve: Curve) -> float:
    """The exponent of the fitted power law."""
    n, cost = np.array(curve).T
    return float(np.polyfit(np.log(n), np.log(cost), 1)[0])


def _curve(steps: list[int], cost: Callable[[int], float]) -> Curve:
    return [(n, cost(n)) for n in steps]


def _pings(ids: list[str], cells: int, turn: int, draw: np.random.Generator) -> PingColumns:
    """A ping of each driver, anywhere in a square of so many counting cells."""
    count, side = len(ids), np.sqrt(cells) * 360 / 65_536
    received = np.full(count, T0 + turn * 1_000)
    return PingColumns(
        np.arange(count), received, Identities.of(ids), received.copy(), 37.0 + draw.random(count) * side * 0.78, -122.0 + draw.random(count) * side,
        np.zeros(count, np.int8), np.full(count, np.nan), np.full(count, np.nan),
    )  # fmt: skip


def _ping_ns(drivers: int, cells: int, times: int) -> float:
    """Moving the state by a batch of pings of drivers drawn from all that are known; each teleport is believed at once."""
    draw = np.random.default_rng(7)
    cabs, ids = Cabs(), [f"driver-{n}" for n in range(drivers)]
    cabs.apply(_pings(ids, cells, 0, draw), T0)
    least = float("inf")
    for turn in range(1, times + 1):
        # Fixes of drivers who had hours to get there, so that no rule stops them.
        chosen = [ids[i] for i in draw.choice(drivers, min(PINGS, drivers), replace=False)]
        batch = _pings(chosen, cells, turn * 20_000, draw)
        least = min(least, seconds_of(lambda batch=batch: cabs.apply(batch, T0)) / len(chosen))
    return least * 1e9


def _register_ms(cells: int, times: int) -> float:
    """A closed register of a million cabs over so many cells: counts, sketch and bytes."""
    draw = np.random.default_rng(8)
    side = np.sqrt(cells) * 360 / 65_536
    held = cells_of(37.0 + draw.random(1_000_000) * side * 0.78, -122.0 + draw.random(1_000_000) * side)

    def close() -> None:
        table = sketch.empty()
        sketch.add(table, *sketch.counted(held))

    return seconds_of(close, times) * 1e3


def _window_ms(panes: int, partitions: int, times: int) -> float:
    """Decoding and adding up everything of a window: 20,000 cabs over the partitions, all levels and flows."""
    draw = np.random.default_rng(9)
    city = replace(cities.load("sim"), sources=SOURCES)
    held = []
    for pane in range(panes):
        for gauge, name in GAUGE_TOPIC.items():
            for partition in range(partitions):
                lat, lon = (draw.normal(at, 0.03, 20_000 // partitions) for at in (37.765, -122.44))
                found, counts = sketch.counted(cells_of(lat, lon))
                one = PaneRegister(
                    city.id, gauge, name, partition, 1_000 + pane, 1, T0, False, len(lat), found, counts
                )  # fmt: skip
                held.append((one.key, pane_bytes.encode(one)))

    def refresh() -> None:
        window = LiveWindow(city)
        window.update([pane_bytes.decode(key, data) for key, data in held])
        window.within("cabs_available", Place(37.77, -122.42), 5_000)

    return seconds_of(refresh, times) * 1e3


def _draw(curves: dict[str, tuple[str, str, Curve]], slopes: dict[str, float]) -> None:
    folder = ROOT / "docs" / "performance"
    folder.mkdir(exist_ok=True)
    asked = [
        {"x": x, "y": y, "curve": curve, "slope": slopes[name], "file": str(folder / f"{name}.svg")}
        for name, (x, y, curve) in curves.items()
    ]
    drawing = str(ROOT / "bench" / "growth_pictures.py")
    subprocess.run([python(STREAM_PEERS), drawing], input=json.dumps(asked), text=True, check=True)
