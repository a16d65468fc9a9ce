"""Count-min: cabs into the sketch through dense counts of their cells, and cells asked for, against Apache DataSketches.

Cells are asked for as a front end does it: those of its grid, hashed once, of every table of a window; with the hashing in each
question the figure is `hashing_query_over_peer`. Both have the same depth and width, and both are told of each cab once. DataSketches takes an item at a time from Python. What
both promise is checked before anything is timed: no estimate below the truth, and the sum of all counts.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

import numpy as np

from bench.paired import ratios, rounds
from wayfare.domain.geo.cells import cells_of
from wayfare.domain.streams import sketch

CABS = 1_000_000


def run(quick: bool) -> dict[str, Any]:
    """Update and query, beside the peer."""
    from bench.peer_environment import measure

    return measure("sketches", int(quick))


def _measured(quick: bool) -> dict[str, Any]:
    from datasketches import count_min_sketch

    count, turns = CABS // (10 if quick else 1), 3 if quick else 5
    draw = np.random.default_rng(5)
    cells = cells_of(37.765 + draw.normal(size=count) * 0.04, -122.44 + draw.normal(size=count) * 0.04)
    asked = np.tile(np.unique(cells), 64)
    few, few_asked = cells[: count // 10].tolist(), asked[: len(asked) // 10].tolist()

    def ours() -> sketch.Table:
        table = sketch.empty()
        sketch.add(table, *sketch.counted(cells))
        return table

    def theirs() -> Any:
        table = count_min_sketch(sketch.D, sketch.W)
        update = table.update
        for cell in few:
            update(cell)
        return table

    table, other, columns = ours(), theirs(), sketch.columns_of(asked)
    distinct, true = np.unique(cells, return_counts=True)
    of_few = dict(zip(*(a.tolist() for a in np.unique(few, return_counts=True)), strict=True))
    if (sketch.query(table, distinct) < true).any() or any(other.get_estimate(c) < n for c, n in of_few.items()):
        raise AssertionError("no sketch may count too few, got one that does")
    if int(table[0].sum()) != count or other.total_weight != len(few):
        raise AssertionError("each cab is counted once, got another sum")
    taken = rounds(
        {
            "update": ours,
            "their_update": theirs,
            "query": lambda: sketch.query_columns(table, columns),
            "hashing_query": lambda: sketch.query(table, asked),
            "their_query": lambda: [other.get_estimate(c) for c in few_asked],
        },
        turns,
        2,
    )
    queries = ratios(taken["their_query"], taken["query"], len(few_asked) / len(asked))
    hashing = ratios(taken["their_query"], taken["hashing_query"], len(few_asked) / len(asked))
    million = {
        "hashing_query": len(asked) / 1e6,
        "update": count / 1e6, "their_update": len(few) / 1e6, "query": len(asked) / 1e6, "their_query": len(few_asked) / 1e6,
    }  # fmt: skip
    return {
        "name": "sketches",
        "what": f"count-min {sketch.D} x {sketch.W}: cabs added through dense counts",
        "peer": "Apache DataSketches from Python",
        "ratios": ratios(taken["their_update"], taken["update"], len(few) / count),
        "aim": "at least 30; queries at least 10",
        "figures": {
            "query_over_peer_median": statistics.median(queries),
            "query_over_peer_least": min(queries),
            "query_over_peer_most": max(queries),
            "hashing_query_over_peer_median": statistics.median(hashing),
            "cells": len(distinct),
            **{f"{name}_million_per_s": million[name] / statistics.median(taken[name]) for name in taken},
        },
    }


if __name__ == "__main__":
    print(json.dumps(_measured(bool(int(sys.argv[1])))))
