"""One-minute panes from legs and requests: what ingest would have counted had every cab pinged all the time.

Levels are the state at each minute's end, flows what happened in the minute, counted by level-16 cell, as
`wayfare.domain.streams.panes` defines them. A cab about to drop off is counted at its drop place.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np

from wayfare.domain.geo.cells import cells_of
from wayfare.domain.market import fleet
from wayfare.domain.market.draws import Float, Int
from wayfare.domain.market.places import Places
from wayfare.domain.streams.cabs import DROP_OFF_M
from wayfare.domain.streams.panes import PANE_MS


@dataclass(frozen=True)
class PaneColumns:
    """Counts of one gauge as compressed rows: pane `panes[i]` has `cells[offsets[i]:offsets[i+1]]`, sorted, with their `counts`.

    panes: numbers of consecutive panes (`ms // PANE_MS`), int64 [n], none left out. offsets: int64 [n + 1]. cells: int64; counts: int32.
    """

    panes: Int
    offsets: Int
    cells: Int
    counts: np.ndarray[tuple[int, ...], np.dtype[np.int32]]

    def row(self, i: int) -> tuple[Int, np.ndarray[tuple[int, ...], np.dtype[np.int32]]]:
        """Cells and counts of the i-th pane."""
        part = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
        return self.cells[part], self.counts[part]


def count(first_pane: int, panes: int, pane: Int, cell: Int) -> PaneColumns:
    """Occurrences by pane and cell; those outside `panes` panes from `first_pane` are left out."""
    inside = (pane >= first_pane) & (pane < first_pane + panes)
    numbers = np.arange(first_pane, first_pane + panes, dtype=np.int64)
    known, column = np.unique(cell[inside], return_inverse=True)
    # One integer orders by pane, then cell: far cheaper to sort than pairs.
    flat = (pane[inside] - first_pane) * max(len(known), 1) + column
    keys, counts = np.unique(flat, return_counts=True)
    offsets = np.searchsorted(keys, np.arange(panes + 1) * max(len(known), 1))
    cells = known[keys % max(len(known), 1)] if len(known) else np.zeros(0, np.int64)
    return PaneColumns(numbers, offsets.astype(np.int64), cells, counts.astype(np.int32))


class Legs:
    """Legs of all cabs as growing columns."""

    def __init__(self) -> None:
        self._state, self._t0, self._t1 = array("b"), array("q"), array("q")
        self._ends = array("d")

    def add(self, state: int, t0: int, t1: int, x0: float, y0: float, x1: float, y1: float) -> None:
        """One leg that has ended."""
        self._state.append(state)
        self._t0.append(t0)
        self._t1.append(t1)
        self._ends.extend((x0, y0, x1, y1))

    def levels(self, places: Places, first_pane: int, panes: int) -> tuple[PaneColumns, PaneColumns, PaneColumns]:
        """Panes of `cabs_available`, `cabs_dropping_off` and `trips_started`."""
        state = np.frombuffer(self._state, np.int8)
        t0, t1 = np.frombuffer(self._t0, np.int64), np.frombuffer(self._t1, np.int64)
        ends = np.frombuffer(self._ends, np.float64).reshape(-1, 4)
        free, trip = state == fleet.AVAILABLE, state == fleet.ON_TRIP
        available = self._at_minutes(places, first_pane, panes, t0[free], t1[free], ends[free])
        drop = ends[trip][:, [2, 3, 2, 3]]
        # As ingest must: by the distance left, for it cannot know when a trip will end.
        far = np.hypot(ends[trip, 2] - ends[trip, 0], ends[trip, 3] - ends[trip, 1])
        near = np.minimum(1.0, DROP_OFF_M / np.maximum(far, 1.0))
        soon = t1[trip] - np.floor((t1[trip] - t0[trip]) * near).astype(np.int64)
        dropping = self._at_minutes(places, first_pane, panes, soon, t1[trip], drop)
        lat, lon = places.to_degrees(ends[trip, 0], ends[trip, 1])
        return available, dropping, count(first_pane, panes, t0[trip] // PANE_MS, cells_of(lat, lon))

    @staticmethod
    def _at_minutes(places: Places, first_pane: int, panes: int, t0: Int, t1: Int, ends: Float) -> PaneColumns:
        """Cells at the end of every minute that lies in (t0, t1]: the leg is the state when the minute ends."""
        first = np.maximum(t0 // PANE_MS, first_pane)
        last = np.minimum(t1 // PANE_MS, first_pane + panes)
        n = np.maximum(last - first, 0)
        row = np.repeat(np.arange(len(t0)), n)
        pane = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
        part = ((pane + 1) * PANE_MS - t0[row]) / np.maximum(t1 - t0, 1)[row]
        x = ends[row, 0] + part * (ends[row, 2] - ends[row, 0])
        y = ends[row, 1] + part * (ends[row, 3] - ends[row, 1])
        lat, lon = places.to_degrees(x, y)
        return count(first_pane, panes, pane, cells_of(lat, lon))


def waiting(first_pane: int, panes: int, opened: Int, ended: Int, cell: Int) -> tuple[PaneColumns, PaneColumns]:
    """Panes of `requests_waiting` and `requests_opened` from times in ms and pickup cells."""
    first = np.maximum(opened // PANE_MS, first_pane)
    last = np.minimum(ended // PANE_MS, first_pane + panes)
    n = np.maximum(last - first, 0)
    row = np.repeat(np.arange(len(opened)), n)
    pane = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
    return count(first_pane, panes, pane, cell[row]), count(first_pane, panes, opened // PANE_MS, cell)
