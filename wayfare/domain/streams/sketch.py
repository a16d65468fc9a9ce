"""Count-min: how many identities are in a cell, in fixed memory, never too few.

Guarantee (Cormode and Muthukrishnan, "An improved data stream summary: the count-min sketch and its applications",
J. Algorithms 55, 2005): with N the sum of all counts added, an estimate is never below the truth, and exceeds it by
more than e * N / W with probability at most exp(-D). A sum over k cells adds k such errors, so areas are read from exact
counts while those are kept.

Defaults: D = 4 makes a bad cell a 1.8 % event; W = 4096 bounds the error by 0.066 % of the cabs in a partition, and the
table of 64 KiB stays inside a core's L2 cache. Sketches of equal D and W merge by addition, which is associative and
commutative, not idempotent.

>>> table = empty()
>>> add(table, np.array([7, 9]), np.array([3, 4]))
>>> query(table, np.array([7, 9])).tolist()
[3, 4]
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from wayfare.domain.geo.cells import COLUMN_BITS, MAX_LEVEL, ROW_BITS, in_square

Table = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]
Columns = npt.NDArray[np.intp]

D = 4
W = 4096
_MIXING = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
_SEEDS = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93], np.uint64)


def empty(depth: int = D, width: int = W) -> Table:
    """A table of zeros; `width` is a power of two, `depth` at most the number of seeds."""
    if width & (width - 1) or not 1 <= depth <= len(_SEEDS):
        raise ValueError(f"width is a power of two and depth 1 to {len(_SEEDS)}, got {depth} x {width}")
    return np.zeros((depth, width), np.uint32)


def mix(values: npt.ArrayLike, seed: int | np.uint64 = 0) -> Hashes:
    """A stable 64-bit hash of integers: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    v = np.asarray(values).astype(np.uint64) + np.uint64(seed)
    for bits, factor in _MIXING:
        v = (v ^ (v >> bits)) * factor
    return np.asarray(v ^ (v >> np.uint64(31)), np.uint64)


def _columns(table: Table, row: int, cells: npt.ArrayLike) -> npt.NDArray[np.int64]:
    bits = int(table.shape[1]).bit_length() - 1
    return (mix(cells, _SEEDS[row]) >> np.uint64(64 - bits)).astype(np.int64)


def add(table: Table, cells: npt.ArrayLike, counts: npt.ArrayLike) -> None:
    """Add `counts[i]` identities to `cells[i]`, in place. Fastest with each cell once (dense counts first)."""
    weights = np.asarray(counts).astype(np.uint32)
    for row in range(len(table)):
        np.add.at(table[row], _columns(table, row, cells), weights)


_DEPTH = 7
"""Cells of a square 2^7 wide are counted in a dense table: 60 km at the counting level."""
_DENSE_FROM = 2_000
_COUNTED_AT_ONCE = 65_536
"""Cells whose intermediate values stay inside a core's cache."""


def counted(cells: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """Each cell once, sorted, and how often it is there: by a dense table where cells lie close, as those of a city do."""
    if len(cells) >= _DENSE_FROM and 0 <= cells[0] < 1 << 2 * MAX_LEVEL and (found := _dense(cells)):
        return found
    distinct, counts = np.unique(cells, return_counts=True)
    return distinct, counts.astype(np.uint32)


def _dense(cells: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]] | None:
    """`counted`; None when no square of the table's width holds all cells."""
    table = np.zeros(1 << 2 * _DEPTH, np.uint32)
    values = np.empty(min(_COUNTED_AT_ONCE, len(cells)), np.int64)
    least = {axis: int(cells[0]) & axis for axis in (COLUMN_BITS, ROW_BITS)}
    most = least.copy()
    for start in range(0, len(cells), _COUNTED_AT_ONCE):
        part = cells[start : start + _COUNTED_AT_ONCE]
        x = values[: len(part)]
        for axis in least:
            np.bitwise_and(part, axis, out=x)
            least[axis], most[axis] = min(least[axis], int(x.min())), max(most[axis], int(x.max()))
        # What a difference borrows runs through the other axis's bits, which are cut off.
        if any((most[axis] - least[axis] & axis) >> 2 * _DEPTH for axis in least):
            return None
        np.bitwise_and(part, len(table) - 1, out=x)
        np.add.at(table, x, np.uint32(1))
    low = np.flatnonzero(table)
    distinct = in_square(low, sum(least.values()), _DEPTH)
    order = np.argsort(distinct)
    return distinct[order], table[low[order]]


def columns_of(cells: npt.ArrayLike, depth: int = D, width: int = W) -> Columns:
    """Where each cell's counters stand in every table of this size, for `query_columns`."""
    bits = width.bit_length() - 1
    return np.stack([(mix(cells, seed) >> np.uint64(64 - bits)).astype(np.intp) for seed in _SEEDS[:depth]])


def query(table: Table, cells: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    """Estimated count of each cell: at least the truth."""
    return query_columns(table, columns_of(cells, *table.shape))


def query_columns(table: Table, columns: Columns) -> npt.NDArray[np.uint32]:
    """`query` for cells whose columns are known: hashing is most of the cost, and a grid's cells are asked of many tables."""
    found = table[0].take(columns[0])
    for counters, at in zip(table[1:], columns[1:], strict=True):
        np.minimum(found, counters.take(at), out=found)
    return np.asarray(found, np.uint32)


def merge(tables: list[Table]) -> Table:
    """The sketch of everything that was added to any of the tables."""
    return np.asarray(np.add.reduce(tables), np.uint32)


def promised_error(table: Table) -> float:
    """The excess that one estimate passes with probability at most exp(-D): e * N / W."""
    added: int = table[0].sum(dtype=np.int64).item()
    return math.e * added / int(table.shape[1])


def observed_error(table: Table, cells: npt.NDArray[np.int64], counts: npt.NDArray[np.uint32]) -> float:
    """The largest excess over the exact counts of the cells given; 0 for no cells."""
    if not len(cells):
        return 0.0
    excess = query(table, cells).astype(np.int64) - counts.astype(np.int64)
    return float(excess.max())
