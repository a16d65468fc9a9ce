"""Quad-tree cells: points to 64-bit Morton ids, ids to readable quadkeys and back.

A cell of level L is one of 2^L x 2^L squares of the Web Mercator plane (x to the east, y to the south). Its id is
the Morton code of its column and row: bit 2i of the id is bit i of x, bit 2i+1 is bit i of y, so the parent of
`cell` is `cell >> 2`, and the base-4 digits of the id, L of them, are its quadkey (Bing Maps Tile System,
https://learn.microsoft.com/bingmaps/articles/bing-maps-tile-system). An id does not carry its level.

Counting uses one fixed level, `COUNTING_LEVEL`: in San Francisco a cell is about 480 m wide.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

COUNTING_LEVEL = 16
"""Side of a cell against the radius of a question: at 480 m to 5 km the area-weighted rim errs by a few in a hundred on one
circle (bench/cover.py); one level finer has four times the cells, each with too few cabs to be asked alone."""
MAX_LEVEL = 31
MAX_LATITUDE = 85.05112878
EARTH_RADIUS_M = 6_371_008.8


def xy_of(lat: npt.ArrayLike, lon: npt.ArrayLike, level: int = COUNTING_LEVEL) -> tuple[Int, Int]:
    """Column and row of the cells that hold points in degrees; latitudes beyond 85.05 are clipped."""
    sin_lat = np.sin(np.radians(np.clip(np.asarray(lat, np.float64), -MAX_LATITUDE, MAX_LATITUDE)))
    size = 1 << level
    x = (np.asarray(lon, np.float64) + 180.0) / 360.0 * size
    y = (0.5 - np.log((1.0 + sin_lat) / (1.0 - sin_lat)) / (4.0 * math.pi)) * size
    return (
        np.clip(np.floor(x), 0, size - 1).astype(np.int64),
        np.clip(np.floor(y), 0, size - 1).astype(np.int64),
    )


def _spread(value: Int) -> Int:
    """The low 31 bits of `value` moved to the even bits of the result."""
    v = np.asarray(value, np.int64) & 0x7FFFFFFF
    v = (v | (v << 16)) & 0x0000FFFF0000FFFF
    v = (v | (v << 8)) & 0x00FF00FF00FF00FF
    v = (v | (v << 4)) & 0x0F0F0F0F0F0F0F0F
    v = (v | (v << 2)) & 0x3333333333333333
    return (v | (v << 1)) & 0x5555555555555555


def _squeeze(value: Int) -> Int:
    """The even bits of `value` moved to the low 31 bits: the inverse of `_spread`."""
    v = np.asarray(value, np.int64) & 0x5555555555555555
    v = (v | (v >> 1)) & 0x3333333333333333
    v = (v | (v >> 2)) & 0x0F0F0F0F0F0F0F0F
    v = (v | (v >> 4)) & 0x00FF00FF00FF00FF
    v = (v | (v >> 8)) & 0x0000FFFF0000FFFF
    return (v | (v >> 16)) & 0x7FFFFFFF


def morton(x: npt.ArrayLike, y: npt.ArrayLike) -> Int:
    """Cell ids of columns and rows.

    >>> int(morton(3, 5))
    39
    """
    return _spread(np.asarray(x, np.int64)) | (_spread(np.asarray(y, np.int64)) << 1)


def demorton(cells: npt.ArrayLike) -> tuple[Int, Int]:
    """Columns and rows of cell ids: the inverse of `morton`."""
    ids = np.asarray(cells, np.int64)
    return _squeeze(ids), _squeeze(ids >> 1)


COLUMN_BITS = 0x5555555555555555
ROW_BITS = ~COLUMN_BITS
"""The bits of a cell's column and of its row in its id, by either of which alone ids compare as columns or as rows do;
with the two uppermost, which no id has, so that a number that is no cell lies far from all that are."""


def in_square(low: npt.ArrayLike, corner: int, depth: int) -> Int:
    """The cells of a square 2^depth wide, whose first cell is `corner`, that have these low 2 * depth bits.

    A square as wide as a power of two holds each column and each row once modulo its width, wherever it lies: what is
    known of its cells can stand in a table by these bits alone.

    >>> in_square([0, 1, 2, 3], int(morton(3, 5)), 1).tolist() == morton([4, 3, 4, 3], [6, 6, 5, 5]).tolist()
    True
    """
    (column, row), (west, north), wide = demorton(low), demorton(corner), 1 << depth
    return morton(west + (column - west) % wide, north + (row - north) % wide)


def cells_of(lat: npt.ArrayLike, lon: npt.ArrayLike, level: int = COUNTING_LEVEL) -> Int:
    """Ids of the cells that hold points in degrees; shape of the input. Fastest where many points lie near the first."""
    lats, lons = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
    if lats.ndim != 1 or lats.shape != lons.shape or len(lats) < _FEWEST_BY_TABLE:
        return morton(*xy_of(lats, lons, level))
    if not (abs(lats[0]) < MAX_LATITUDE and abs(lons[0]) <= 180.0):
        return morton(*xy_of(lats, lons, level))
    return _near(math.floor(lats[0]), math.floor(lons[0]), level).cells_of(lats, lons)


_FEWEST_BY_TABLE = 512
"""Below this many points NumPy's cost per call outweighs what a table saves."""
_NEAR_DEGREES = 0.5
"""What tables of a one-degree square hold beyond it, so that a city on its edge is in them whole."""
_SPAN_DEGREES = 1.0 + 2 * _NEAR_DEGREES
_BITS_OF_TWO_TO_52 = np.float64(2.0**52).view(np.int64)
_AT_ONCE = 16_384
"""Points whose intermediate values stay inside a core's cache."""


class _Near:
    """Cells of points near one place by two table look-ups: the same ids as by the projection, at a tenth of its cost.

    Each axis is cut into many bins per cell. A bin that lies within one row (or column) with room for every rounding
    error has the row's share of the id; one that a border runs through has -1, and so has everything outside. Points with
    a -1 are projected.
    """

    def __init__(self, south: int, west: int, level: int) -> None:
        self._level = level
        size = 1 << level
        bins = 1 << min(18, max(10, level))
        rounding = 1e-6 + size * 1e-13
        # A power of two: products with it are exact, and so is the number of the first bin.
        self._scale = bins / _SPAN_DEGREES
        lowest = south - _NEAR_DEGREES, west - _NEAR_DEGREES
        self._shift = tuple(2.0**52 + 1.0 - low * self._scale for low in lowest)
        edges = (np.arange(bins + 1) - 0.5) / self._scale
        rows = _rows(np.clip(edges + lowest[0], -MAX_LATITUDE, MAX_LATITUDE), size)
        columns = np.asarray((edges + lowest[1] + 180.0) / 360.0 * size, np.float64)
        self._tables = (
            _table(rows[1:], rows[:-1], size, rounding, 1),
            _table(columns[:-1], columns[1:], size, rounding, 0),
        )

    def cells_of(self, lats: Float, lons: Float) -> Int:
        """`cells_of` for points anywhere."""
        found = np.empty(len(lats), np.int64)
        room = min(_AT_ONCE, len(lats))
        at, part = np.empty(room), np.empty(room, np.int64)
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(lats), _AT_ONCE):
                out = found[start : start + _AT_ONCE]
                n = len(out)
                for axis, values in enumerate((lats, lons)):
                    np.multiply(values[start : start + n], self._scale, out=at[:n])
                    # From 2^52 on doubles are whole numbers and their last bits are that number: rounded to the
                    # nearest bin without a conversion.
                    np.add(at[:n], self._shift[axis], out=at[:n])
                    index = at[:n].view(np.int64)
                    np.subtract(index, _BITS_OF_TWO_TO_52, out=index)
                    np.take(self._tables[axis], index, out=part[:n] if axis else out, mode="clip")
                np.bitwise_or(out, part[:n], out=out)
        odd = np.flatnonzero(found < 0)
        if len(odd):
            found[odd] = morton(*xy_of(lats[odd], lons[odd], self._level))
        return found


_near = functools.lru_cache(maxsize=16)(_Near)


def _rows(lats: Float, size: int) -> Float:
    """Rows with fractions of latitudes within the plane."""
    sin_lat = np.sin(np.radians(lats))
    return np.asarray((0.5 - np.log((1.0 + sin_lat) / (1.0 - sin_lat)) / (4.0 * math.pi)) * size, np.float64)


def _table(low: Float, high: Float, size: int, rounding: float, bit: int) -> Int:
    """For each bin, with a bin of -1 before and after, its share of a cell's id, or -1."""
    first, last = np.floor(low - rounding), np.floor(high + rounding)
    whole = (first == last) & (first >= 0) & (last < size)
    shares = np.where(whole, _spread(np.where(whole, first, 0).astype(np.int64)) << bit, -1)
    return np.concatenate([[-1], shares, [-1]])


def _spread_int(value: int) -> int:
    v = value & 0x7FFFFFFF
    v = (v | (v << 16)) & 0x0000FFFF0000FFFF
    v = (v | (v << 8)) & 0x00FF00FF00FF00FF
    v = (v | (v << 4)) & 0x0F0F0F0F0F0F0F0F
    v = (v | (v << 2)) & 0x3333333333333333
    return (v | (v << 1)) & 0x5555555555555555


def xy_of_point(lat: float, lon: float, level: int = COUNTING_LEVEL) -> tuple[int, int]:
    """`xy_of` for one point, without NumPy's cost per call."""
    sin_lat = math.sin(math.radians(min(max(lat, -MAX_LATITUDE), MAX_LATITUDE)))
    size = 1 << level
    x = math.floor((lon + 180.0) / 360.0 * size)
    y = math.floor((0.5 - math.log((1.0 + sin_lat) / (1.0 - sin_lat)) / (4.0 * math.pi)) * size)
    return min(max(x, 0), size - 1), min(max(y, 0), size - 1)


def cell_of_point(lat: float, lon: float, level: int = COUNTING_LEVEL) -> int:
    """`cells_of` for one point."""
    x, y = xy_of_point(lat, lon, level)
    return _spread_int(x) | (_spread_int(y) << 1)


def quadkey(cell: int, level: int = COUNTING_LEVEL) -> str:
    """The readable name of a cell: one digit of 0 to 3 per level.

    >>> quadkey(39, level=3)
    '213'
    """
    return "".join(str((cell >> (2 * shift)) & 3) for shift in range(level - 1, -1, -1))


def from_quadkey(key: str) -> tuple[int, int]:
    """Cell id and level of a quadkey; ValueError when a character is not 0 to 3."""
    return (int(key, 4) if key else 0), len(key)


def bounds(cell: int, level: int = COUNTING_LEVEL) -> tuple[float, float, float, float]:
    """West, south, east, north of a cell in degrees."""
    column, row = demorton(cell)
    size = 1 << level

    def latitude(y: float) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1.0 - 2.0 * y / size))))

    x, y = int(column), int(row)
    return x / size * 360.0 - 180.0, latitude(y + 1), (x + 1) / size * 360.0 - 180.0, latitude(y)


def center(cell: int, level: int = COUNTING_LEVEL) -> tuple[float, float]:
    """Latitude and longitude of the middle of a cell, in degrees."""
    west, south, east, north = bounds(cell, level)
    return (south + north) / 2.0, (west + east) / 2.0


def distance_m(lat1: npt.ArrayLike, lon1: npt.ArrayLike, lat2: npt.ArrayLike, lon2: npt.ArrayLike) -> Float:
    """Great-circle distance in metres (haversine, mean Earth radius); broadcasts."""
    a1, o1, a2, o2 = (np.radians(np.asarray(v, np.float64)) for v in (lat1, lon1, lat2, lon2))
    half = np.sin((a2 - a1) / 2.0) ** 2 + np.cos(a1) * np.cos(a2) * np.sin((o2 - o1) / 2.0) ** 2
    return np.asarray(2.0 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))), np.float64)


def distance_m_point(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """`distance_m` for one pair of points."""
    a1, a2 = math.radians(lat1), math.radians(lat2)
    half = math.sin((a2 - a1) / 2.0) ** 2 + math.cos(a1) * math.cos(a2) * math.sin(math.radians(lon2 - lon1) / 2.0) ** 2
    return 2.0 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, half)))
