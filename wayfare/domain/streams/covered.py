"""The bias of circles made of cells: what they count, beside what is truly within them.

A price asks how many cabs are within a radius, and a cover answers from counts of cells (`geo.cover`). Where cabs stand at the
rim of a circle, unevenly within their cells, the answer differs from the truth. Here it is measured on the cabs of now, in
circles around some of them, which is where prices are asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wayfare.domain.geo.cells import cells_of, distance_m
from wayfare.domain.geo.cover import cells_of_cover, kernel

CIRCLES = 16
"""Circles measured at a time: enough for the bias of a city to show within minutes, few enough to cost milliseconds."""


class Covered(NamedTuple):
    """Over all circles: the sum of what the cover counts, and of the cabs truly within."""

    covered: float
    exact: int


def measure(
    lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64], radius_m: float, circles: int = CIRCLES
) -> Covered | None:
    """Measure circles around evenly chosen points of those given; None without any."""
    if not len(lat):
        return None
    cells, counts = np.unique(cells_of(lat, lon), return_counts=True)
    covered, exact = 0.0, 0
    for at in np.linspace(0, len(lat) - 1, min(circles, len(lat))).astype(int).tolist():
        inside, weights = cells_of_cover(kernel(float(lat[at]), float(lon[at]), radius_m))
        where = np.minimum(np.searchsorted(cells, inside), len(cells) - 1)
        covered += float((np.where(cells[where] == inside, counts[where], 0) * weights).sum())
        exact += int((distance_m(lat[at], lon[at], lat, lon) <= radius_m).sum())
    return Covered(covered, exact)
