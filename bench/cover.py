"""How far circles made of cells are from the truth, on real cabs: three ways of counting cells against every point.

A price asks for cabs within 5 km and gets an answer made of counts of cells (`wayfare/domain/geo/cover.py`). The points are
where the cabs of San Francisco were, minute by minute, in the public GPS file; circles lie around cabs of each minute. The
peers are the two rules that one writes first: every cell that the circle touches counts whole, and every cell whose middle
lies within. Errors are of the sum over circles (bias) and of single circles.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from wayfare.domain.features.inputs import RADIUS_M
from wayfare.domain.geo.cells import cells_of, center, distance_m
from wayfare.domain.geo.cover import cells_of_cover, cover, kernel

_DATA = pathlib.Path(os.environ.get("WAYFARE_DATA", pathlib.Path(__file__).parents[2] / "shared" / "data"))
_FILE = "sf_cab_gps_2008-05-20_2days.parquet"
_CIRCLES = 8
"""Circles around cabs of one minute."""

Weighed = tuple[np.ndarray, np.ndarray]


def _kernel(lat: float, lon: float) -> Weighed:
    return cells_of_cover(kernel(lat, lon, RADIUS_M))


def _touched(lat: float, lon: float) -> Weighed:
    cells, weights = cells_of_cover(cover(lat, lon, RADIUS_M))
    return cells, np.ones_like(weights)


def _middles(lat: float, lon: float) -> Weighed:
    cells, _weights = cells_of_cover(cover(lat, lon, RADIUS_M))
    middles = np.array([center(int(cell)) for cell in cells])
    return cells, (distance_m(lat, lon, middles[:, 0], middles[:, 1]) <= RADIUS_M).astype(np.float32)


_RULES: dict[str, Callable[[float, float], Weighed]] = {"area": _kernel, "touched": _touched, "middle": _middles}


def _minutes(most: int) -> list[Weighed]:
    """Latitudes and longitudes of each cab's last fix in a minute, of minutes spread over the file."""
    held = pq.read_table(_DATA / _FILE, columns=["cab", "t", "lat_e5", "lon_e5"]).to_pandas().sort_values("t")
    minute = held["t"] // 60
    last = held.assign(minute=minute).drop_duplicates(["minute", "cab"], keep="last")
    found = [part for _minute, part in last.groupby("minute") if len(part) >= 50]
    chosen = np.linspace(0, len(found) - 1, min(most, len(found))).astype(int)
    return [(found[i]["lat_e5"].to_numpy() / 1e5, found[i]["lon_e5"].to_numpy() / 1e5) for i in chosen]


def run(quick: bool) -> dict[str, Any]:
    """The bias and the worst circle of each rule."""
    draw = np.random.default_rng(5)
    truth: list[int] = []
    told: dict[str, list[float]] = {name: [] for name in _RULES}
    for lat, lon in _minutes(40 if quick else 400):
        cells, counts = np.unique(cells_of(lat, lon), return_counts=True)
        for at in draw.choice(len(lat), _CIRCLES, replace=False):
            truth.append(int((distance_m(lat[at], lon[at], lat, lon) <= RADIUS_M).sum()))
            for name, rule in _RULES.items():
                inside, weights = rule(float(lat[at]), float(lon[at]))
                where = np.minimum(np.searchsorted(cells, inside), len(cells) - 1)
                told[name].append(float((np.where(cells[where] == inside, counts[where], 0) * weights).sum()))
    exact = np.array(truth)
    figures: dict[str, Any] = {"circles": len(truth), "cabs_within_median": float(np.median(exact))}
    many = exact >= 20
    for name, values in told.items():
        error = np.array(values) - exact
        figures[f"{name}_bias_share"] = float(error.sum() / exact.sum())
        figures[f"{name}_p99_cabs"] = float(np.quantile(np.abs(error), 0.99))
        figures[f"{name}_p99_share_of_20_cabs_or_more"] = float(np.quantile(np.abs(error[many] / exact[many]), 0.99))
    ratio = abs(figures["touched_bias_share"]) / max(abs(figures["area_bias_share"]), 1e-9)
    return {
        "name": "cover",
        "what": "bias of a 5 km circle made of area-weighted cells, cabs of San Francisco",
        "peer": "every touched cell whole",
        "ratios": [ratio],
        "aim": "bias within 0.5 %",
        "figures": figures,
    }
