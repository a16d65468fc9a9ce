"""An adaptive quad-tree over pickups and drop-offs: a cell is split while it holds more than K points.

Dense quarters get small leaves and empty ones large leaves, so that a leaf is a place a model can learn. Nodes are
cells of `wayfare.domain.geo.cells`; leaves are intervals of the Morton order of the finest level, hence a point's leaf is
one binary search. A leaf with fewer than `min_rows` training points answers as its deepest ancestor that has enough:
an unseen leaf answers as its parent.

Reference: Samet, The Quadtree and Related Hierarchical Data Structures, ACM Computing Surveys 16 (2), 1984.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.geo import arrays
from wayfare.domain.geo.cells import COLUMN_BITS, ROW_BITS, cell_of_point, cells_of, demorton, in_square, morton

SCHEMA = 1
FINEST_LEVEL = 20
"""Points are told apart down to this level (about 30 m); no leaf is smaller."""

_TABLE_DEPTH = 11
"""A table of answers has at most 4^11 entries, of two bytes or of four: 2,048 of the smallest leaves each way."""
_AT_ONCE = 65_536
"""Points whose intermediate values stay inside a core's cache."""

Int = npt.NDArray[np.int64]
_ARRAYS = ("level", "cell", "parent", "rows", "starts", "answers")


@dataclass(frozen=True)
class QuadTree:
    """The tree as arrays, a row per node in breadth-first order; node 0 is the root.

    level, cell: which cell a node is. parent: its parent's row (-1 for the root). rows: training points it holds.
    starts: first Morton code, at FINEST_LEVEL, of each leaf, ascending. answers: the node that answers for each leaf.
    A point outside the root answers as the root.
    """

    level: Int
    cell: Int
    parent: Int
    rows: Int
    starts: Int
    answers: Int
    _starts: list[int] = field(init=False, repr=False)
    _answers: list[int] = field(init=False, repr=False)
    _range: tuple[int, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shift = 2 * (FINEST_LEVEL - int(self.level[0]))
        first = int(self.cell[0]) << shift
        object.__setattr__(self, "_starts", self.starts.tolist())
        object.__setattr__(self, "_answers", self.answers.tolist())
        object.__setattr__(self, "_range", (first, first + (1 << shift)))

    def leaf(self, lat: float, lon: float) -> int:
        """The node that answers for a point in degrees."""
        code = cell_of_point(lat, lon, FINEST_LEVEL)
        first, end = self._range
        if not first <= code < end:
            return 0
        return self._answers[bisect.bisect_right(self._starts, code) - 1]

    def leaves(self, codes: Int) -> npt.NDArray[np.signedinteger]:
        """`leaf` for many points, given by their cells of FINEST_LEVEL: int16 [points], int32 if the tree asks for it."""
        table, shift, bounds = self._table
        within = (len(table) - 1) << shift
        found = np.empty(len(codes), table.dtype)
        values = np.empty(min(_AT_ONCE, len(codes)), np.int64)
        for start in range(0, len(codes), _AT_ONCE):
            part, out = codes[start : start + _AT_ONCE], found[start : start + _AT_ONCE]
            x = np.bitwise_and(part, within, out=values[: len(part)])
            if shift:
                np.right_shift(x, shift, out=x)
            np.take(table, x, out=out, mode="wrap")  # none is beyond it, and NumPy asks less of each than to clip it
            for axis, least, most in bounds:
                np.bitwise_and(part, axis, out=x)
                if x.min() < least or x.max() > most:
                    missed = np.flatnonzero((x < least) | (x > most))
                    out[missed] = self._searched(part[missed])
        return found

    def _searched(self, codes: Int) -> Int:
        """`leaves` by a binary search each."""
        first, end = self._range
        answers = self.answers[np.searchsorted(self.starts, codes, "right") - 1]
        return np.where((codes >= first) & (codes < end), answers, 0)

    def paths(self) -> npt.NDArray[np.int32]:
        """For each node, the nodes from itself up to the root, padded with -1: int32 [nodes, depth]."""
        depth = int(self.level.max() - self.level[0]) + 1
        table = np.full((len(self.level), depth), -1, np.int32)
        at = np.arange(len(self.level))
        for step in range(depth):
            table[:, step] = at
            at = np.where(at >= 0, self.parent[np.maximum(at, 0)], -1)
        return table

    @functools.cached_property
    def _table(self) -> tuple[npt.NDArray[Any], int, list[tuple[int, int, int]]]:
        """The answers for a square of cells of the smallest leaf's level, how many bits that level lacks, and the bounds.

        An entry's number is the low bits of a cell's code (see `in_square`). A code is inside the square when its bits of
        each axis are within the axis's bounds (bits, least, most). The square is as large as the leaves that hold points
        ask for, up to 4^_TABLE_DEPTH entries around their middle. They are of two bytes where the numbers of nodes are:
        looking them up is waiting for memory.
        """
        level = int(self.level.max())
        shift = 2 * (FINEST_LEVEL - level)
        held = np.flatnonzero(self.rows[self._leaf_nodes] > 0)
        nodes = self._leaf_nodes[held] if len(held) else np.zeros(1, np.int64)
        x, y = demorton(self.cell[nodes] << 2 * (level - self.level[nodes]))
        wide = np.left_shift(1, level - self.level[nodes])
        span = max(int((x + wide).max() - x.min()), int((y + wide).max() - y.min()))
        depth = min(_TABLE_DEPTH, level, max(0, span - 1).bit_length())
        side, size = 1 << depth, 1 << level
        middle = (int(np.average(v + wide / 2, weights=self.rows[nodes] + 1)) for v in (x, y))
        if span <= side:
            middle = (int(v.min()) + side // 2 for v in (x, y))
        corner = np.array([min(max(0, at - side // 2), size - side) for at in middle])
        first, last = (int(morton(*(corner + far))) for far in (0, side - 1))
        bounds = [(axis, (first << shift) & axis, ((last + 1 << shift) - 1) & axis) for axis in (COLUMN_BITS, ROW_BITS)]
        cells = in_square(np.arange(side * side), first, depth)
        kind = np.int16 if self.nodes < 1 << 15 else np.int32
        return self._searched(cells << shift).astype(kind), shift, bounds

    @property
    def _leaf_nodes(self) -> Int:
        """The row of each leaf's own node, in the order of `starts`."""
        inner = np.unique(self.parent[self.parent >= 0])
        nodes = np.setdiff1d(np.arange(len(self.level)), inner)
        return nodes[np.argsort(self.cell[nodes] << 2 * (FINEST_LEVEL - self.level[nodes]))]

    @property
    def nodes(self) -> int:
        """How many nodes there are: leaves' numbers are below this."""
        return len(self.level)

    def version(self) -> str:
        """A short name of the tree's content."""
        digest = hashlib.sha256()
        for array in (self.level, self.cell, self.starts, self.answers):
            digest.update(np.ascontiguousarray(array, "<i8").tobytes())
        return digest.hexdigest()[:8]

    def to_npz(self) -> bytes:
        """The file `tree.npz` of an artifact."""
        return arrays.to_npz(SCHEMA, {name: getattr(self, name) for name in _ARRAYS})


def build(lat: npt.ArrayLike, lon: npt.ArrayLike, split_above: int = 400, min_rows: int = 60) -> QuadTree:
    """The tree of these points (degrees), in one pass per level over their sorted Morton codes.

    split_above: K, the most points a leaf holds (unless at FINEST_LEVEL). min_rows: fewest points for a leaf to answer
    for itself. Without points the tree is one root.
    """
    codes = np.sort(cells_of(lat, lon, FINEST_LEVEL).ravel())
    root_level, root = _common_ancestor(codes)
    levels, cells, parents, rows = (
        [np.array([root_level])],
        [np.array([root])],
        [np.array([-1])],
        [np.array([len(codes)])],
    )
    is_leaf = []
    first_row = 0
    for level in range(root_level, FINEST_LEVEL + 1):
        splits = (rows[-1] > split_above) & (level < FINEST_LEVEL)
        is_leaf.append(~splits)
        if not splits.any():
            break
        children = (np.repeat(cells[-1][splits], 4) << 2) | np.tile(np.arange(4), int(splits.sum()))
        shift = 2 * (FINEST_LEVEL - level - 1)
        parents.append(np.repeat(first_row + np.flatnonzero(splits), 4))
        first_row += len(cells[-1])
        levels.append(np.full(len(children), level + 1))
        cells.append(children)
        rows.append(np.searchsorted(codes, (children + 1) << shift) - np.searchsorted(codes, children << shift))
    level_of, cell, parent, count = (np.concatenate(part).astype(np.int64) for part in (levels, cells, parents, rows))
    leaves = np.flatnonzero(np.concatenate(is_leaf))
    starts = cell[leaves] << (2 * (FINEST_LEVEL - level_of[leaves]))
    order = np.argsort(starts)
    answers = leaves[order]
    while (small := (count[answers] < min_rows) & (answers > 0)).any():
        answers = np.where(small, parent[answers], answers)
    return QuadTree(level_of, cell, parent, count, starts[order], answers.astype(np.int64))


def _common_ancestor(codes: Int) -> tuple[int, int]:
    """Level and cell of the smallest cell that holds all codes; the whole world without codes."""
    if len(codes) == 0:
        return 0, 0
    level, low, high = FINEST_LEVEL, int(codes[0]), int(codes[-1])
    while low != high:
        level, low, high = level - 1, low >> 2, high >> 2
    return level, low


def from_npz(data: bytes) -> QuadTree:
    """The tree in a `tree.npz`; ArtifactRefused unless it is one of this schema."""
    found = arrays.from_npz("tree.npz", data, SCHEMA, _ARRAYS)
    tree = QuadTree(*(found[name].astype(np.int64) for name in _ARRAYS))
    if len(tree.starts) != len(tree.answers) or tree.answers.min() < 0 or tree.answers.max() >= tree.nodes:
        raise ArtifactRefused(f"tree.npz points outside its nodes, got {tree.nodes} nodes")
    return tree
