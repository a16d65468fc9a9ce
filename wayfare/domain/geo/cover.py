"""Which cells a circle covers, and how much of each: the area weights behind every "within 5 km".

A cell counts with the part of its area that lies in the circle. Each row of cells is cut into `_SLICES` thin strips; the
circle's half-width at a strip's latitude comes from the spherical law of cosines, so the only approximation is the strip's
thickness (about 30 m for a counting cell). Counting whole cells that a circle touches is biased by +9 %, area weights by
less than 0.1 % (measured in the tests on scattered points).
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wayfare.domain.geo.cells import COUNTING_LEVEL, EARTH_RADIUS_M, morton

_SLICES = 16
_STEPS = 8
"""Positions within a cell, each way, that circles are centred on when many are asked for: at most 1/16 cell off."""


class Cover(NamedTuple):
    """`weights[i, j]` is the part, 0 to 1, of the cell in row `y0 + i` and column `x0 + j` that lies in the circle."""

    x0: int
    y0: int
    weights: npt.NDArray[np.float32]


def _world(lat: float, lon: float, level: int) -> tuple[float, float]:
    """A point in units of cells: column and row with fractions."""
    size = 1 << level
    sin_lat = math.sin(math.radians(lat))
    return (lon + 180.0) / 360.0 * size, (0.5 - math.log((1.0 + sin_lat) / (1.0 - sin_lat)) / (4.0 * math.pi)) * size


def _cover(x: float, y: float, radius_m: float, level: int) -> Cover:
    size = 1 << level
    angle = radius_m / EARTH_RADIUS_M
    lat = math.atan(math.sinh(math.pi * (1.0 - 2.0 * y / size)))
    half = math.asin(min(1.0, math.sin(angle) / math.cos(lat))) / (2.0 * math.pi) * size
    top = _world(math.degrees(min(lat + angle, 1.48)), 0.0, level)[1]
    bottom = _world(math.degrees(max(lat - angle, -1.48)), 0.0, level)[1]
    y0, y1, x0, x1 = math.floor(top), math.floor(bottom) + 1, math.floor(x - half), math.floor(x + half) + 1
    strips = y0 + (np.arange((y1 - y0) * _SLICES) + 0.5) / _SLICES
    lats = np.arctan(np.sinh(math.pi * (1.0 - 2.0 * strips / size)))
    cosine = (math.cos(angle) - math.sin(lat) * np.sin(lats)) / (math.cos(lat) * np.cos(lats))
    halves = np.arccos(np.clip(cosine, -1.0, 1.0))[:, None] / (2.0 * math.pi) * size
    columns = np.arange(x0, x1)[None, :]
    overlap = np.clip(np.minimum(columns + 1, x + halves) - np.maximum(columns, x - halves), 0.0, 1.0)
    weights = overlap.reshape(y1 - y0, _SLICES, x1 - x0).mean(axis=1)
    return Cover(x0, y0, np.ascontiguousarray(weights, np.float32))


def cover(lat: float, lon: float, radius_m: float, level: int = COUNTING_LEVEL) -> Cover:
    """The cells that a circle around a point in degrees covers, with area weights."""
    return _cover(*_world(lat, lon, level), radius_m, level)


def cells_of_cover(found: Cover) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The cells of a cover whose weight is above 0, and their weights."""
    rows, columns = np.nonzero(found.weights)
    return morton(found.x0 + columns, found.y0 + rows), found.weights[rows, columns]


@functools.lru_cache(maxsize=16_384)
def _kernel(row: int, sub_x: int, sub_y: int, radius_m: float, level: int) -> Cover:
    """The cover of a circle in column 0 at one of the steps within a cell of a row; the same for every column."""
    return _cover((sub_x + 0.5) / _STEPS, row + (sub_y + 0.5) / _STEPS, radius_m, level)


def kernel(lat: float, lon: float, radius_m: float, level: int = COUNTING_LEVEL) -> Cover:
    """`cover` of the nearest of 64 positions in the point's cell, remembered: microseconds from the second time on."""
    x, y = _world(lat, lon, level)
    column, row = math.floor(x), math.floor(y)
    x0, y0, weights = _kernel(row, int((x - column) * _STEPS), int((y - row) * _STEPS), radius_m, level)
    return Cover(column + x0, y0, weights)
