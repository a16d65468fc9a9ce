"""How many cabs were seen, by cell, in one aligned interval: asked of sketches, with what they promise beside the answer.

A cab counts once in each cell that it was in. Each partition has its own drivers, so count-min tables of partitions add up
to that of all (`sketch`), and HyperLogLogs of partitions and intervals unite (`distinct`): a cab seen in three
intervals is one cab of their union. Where every partition kept its exact counts too, the error is not only promised but
known.

>>> Seen.of([]).cell(7)
CellSeen(estimate=0, at_most_above=0.0, exact=0)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from wayfare.domain.streams import distinct, sketch
from wayfare.domain.streams.panes import PANE_MS, SEEN_PANES, PaneRegister

INTERVAL_MS = SEEN_PANES * PANE_MS
CONFIDENCE = 1.0 - math.exp(-sketch.D)
"""How often, at least, an estimate is above the truth by no more than promised."""
STANDARD_ERROR = 1.04 / math.sqrt(1 << distinct.P)
"""Of the number of cabs, relative."""


def interval_of(t_ms: int) -> int:
    """Number of the aligned interval that holds a moment of the city's clock."""
    return t_ms // INTERVAL_MS


@dataclass(frozen=True, slots=True)
class CellSeen:
    """estimate: cabs seen, never below the truth. at_most_above: by how much it is above, with CONFIDENCE. exact: the
    truth, None where some partition had too many cells to keep it."""

    estimate: int
    at_most_above: float
    exact: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """The cabs seen of one interval: registers of all partitions."""

    registers: Sequence[PaneRegister]

    @classmethod
    def of(cls, registers: Iterable[PaneRegister]) -> Seen:
        """Whole registers of one interval, one of each partition; ValueError for a register without its sketches."""
        held = list(registers)
        for one in held:
            if one.sketch is None or one.distinct is None:
                raise ValueError(f"a register of cabs seen has both sketches, got {one.key!r} without")
        return cls(held)

    def table(self) -> sketch.Table:
        """The count-min table of all partitions."""
        return sketch.merge([one.sketch for one in self.registers if one.sketch is not None] or [sketch.empty()])

    def cell(self, cell: int) -> CellSeen:
        """The cabs that were in a cell."""
        table = self.table()
        exact = sum(int(one.counts[one.cells == cell].sum()) for one in self.registers)
        whole = all(len(one.cells) or not one.total for one in self.registers)
        estimate = int(sketch.query(table, np.array([cell]))[0])
        return CellSeen(estimate, sketch.promised_error(table), exact if whole else None)


def cabs(intervals: Iterable[Seen]) -> float:
    """Different cabs seen anywhere in any of the intervals, with STANDARD_ERROR."""
    tables = [one.distinct for seen in intervals for one in seen.registers if one.distinct is not None]
    return distinct.estimate(distinct.merge(tables)) if tables else 0.0
