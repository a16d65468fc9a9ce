"""Degrees to a counting cell, and a cell code to its leaf of the adaptive tree, in batches.

Peers: h3-py's `latlng_to_cell`, which takes a point at a time; shapely's STRtree over the leaves' boxes, asked for all points
at once; h3's way to mixed sizes, the parent at each resolution looked for in a set (`compact_cells` gives such sets). Ours is
the NumPy code of the product; its cells are compared with one projection per point, its leaves with the tree's boxes.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

import numpy as np

from bench.paired import ratios, rounds
from wayfare.domain.geo import cells, quadtree

POINTS = 1_000_000


def run(quick: bool) -> dict[str, Any]:
    """Both comparisons, beside the peers."""
    from bench.peer_environment import measure

    return measure("cells", int(quick))


def _city(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Points as cabs lie: most of them in a dense middle."""
    draw = np.random.default_rng(4)
    wide = np.where(draw.random(count) < 0.7, 0.012, 0.04)
    return 37.765 + draw.normal(size=count) * wide, -122.44 + draw.normal(size=count) * wide


def _measured(quick: bool) -> dict[str, Any]:
    import h3.api.basic_int as h3
    import shapely

    count, turns = POINTS // (10 if quick else 1), 3 if quick else 5
    lat, lon = _city(count)
    few = slice(0, count // 20)
    some_lat, some_lon = lat[few].tolist(), lon[few].tolist()
    if not np.array_equal(cells.cells_of(lat, lon), cells.morton(*cells.xy_of(lat, lon))):
        raise AssertionError("cells by table and by projection must be equal, got others")
    tree = quadtree.build(lat, lon, split_above=count // 4_000, min_rows=0)
    codes = cells.cells_of(lat, lon, quadtree.FINEST_LEVEL)
    leaves = np.unique(tree.answers)
    boxes = shapely.box(*np.array([cells.bounds(int(tree.cell[n]), int(tree.level[n])) for n in leaves.tolist()]).T)
    index = shapely.STRtree(boxes)
    points = shapely.points(lon[few], lat[few])
    rows, found = index.query(points, predicate="intersects")
    ours = tree.leaves(codes)
    if not np.array_equal(leaves[found], ours[few][rows]) or len(rows) != len(points):
        raise AssertionError("leaves by table and by boxes must be equal, got others")
    by_h3 = [h3.latlng_to_cell(a, o, 12) for a, o in zip(some_lat, some_lon, strict=True)]
    mixed = _mixed(h3, by_h3, max(1, len(by_h3) // 4_000))
    if any(
        h3.cell_to_parent(c, h3.get_resolution(at)) != at
        for c, at in zip(by_h3, _leaves_h3(h3, by_h3, mixed), strict=True)
    ):
        raise AssertionError("a leaf of h3 must hold its cell, got another")
    taken = rounds(
        {
            "cells": lambda: cells.cells_of(lat, lon),
            "projected": lambda: cells.morton(*cells.xy_of(lat, lon)),
            "h3": lambda: [h3.latlng_to_cell(a, o, 8) for a, o in zip(some_lat, some_lon, strict=True)],
            "leaves": lambda: tree.leaves(codes),
            "strtree": lambda: index.query(points, predicate="intersects"),
            "h3_leaves": lambda: _leaves_h3(h3, by_h3, mixed),
        },
        turns,
        2,
    )
    scale = len(some_lat) / count
    leaf = ratios(taken["strtree"], taken["leaves"], scale)
    h3_leaf = ratios(taken["h3_leaves"], taken["leaves"], scale)
    million = {name: count * (scale if name in ("h3", "strtree", "h3_leaves") else 1) / 1e6 for name in taken}
    return {
        "name": "cells",
        "what": "degrees to cell, batch, inside one city",
        "peer": "h3-py latlng_to_cell",
        "ratios": ratios(taken["h3"], taken["cells"], scale),
        "aim": "at least 15, aim 100; leaves at least 200",
        "figures": {
            "any_place_over_h3_median": statistics.median(ratios(taken["h3"], taken["projected"], scale)),
            "leaf_over_strtree_median": statistics.median(leaf),
            "leaf_over_strtree_least": min(leaf),
            "leaf_over_strtree_most": max(leaf),
            "leaf_over_h3_median": statistics.median(h3_leaf),
            "leaf_over_h3_least": min(h3_leaf),
            "leaf_over_h3_most": max(h3_leaf),
            "tree_leaves": len(leaves),
            **{f"{name}_million_per_s": million[name] / statistics.median(taken[name]) for name in taken},
        },
    }


def _mixed(h3: Any, found: list[int], most: int) -> set[int]:
    """Cells of mixed resolutions that hold at most so many of the points: h3's adaptive tree."""
    left, leaves = found, set()
    for resolution in range(4, 13):
        parents = [h3.cell_to_parent(c, resolution) for c in left]
        cells_, counts = np.unique(np.array(parents, np.uint64), return_counts=True)
        small = set(cells_[(counts <= most) | (resolution == 12)].tolist())
        leaves |= small
        left = [c for c, parent in zip(left, parents, strict=True) if parent not in small]
    return leaves


def _leaves_h3(h3: Any, found: list[int], leaves: set[int]) -> list[int]:
    parent = h3.cell_to_parent
    out = []
    for cell in found:
        for resolution in range(12, 3, -1):
            at = parent(cell, resolution)
            if at in leaves:
                out.append(at)
                break
    return out


if __name__ == "__main__":
    print(json.dumps(_measured(bool(int(sys.argv[1])))))
