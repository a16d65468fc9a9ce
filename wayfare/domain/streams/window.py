"""The live window as a front end or a training row sees it: counts within a circle, in microseconds.

Counts of all partitions are added into one dense grid per gauge over the city's boundary and a margin; a question is the
product of a slice of the grid with a remembered cover (`geo.cover.kernel`). Levels come from each partition's newest
register, flows are summed over the newest WINDOW_PANES panes, the open one included. Of a topic with several generations
(`generation`) levels come from the newest one of which every partition has been heard, flows from all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wayfare.domain.city import City, Place
from wayfare.domain.geo.cells import demorton, morton, xy_of_point
from wayfare.domain.geo.cover import kernel
from wayfare.domain.streams import generation, sketch
from wayfare.domain.streams.panes import GAUGE_SOURCE, GAUGE_TOPIC, GAUGES, LEVELS, WINDOW_PANES, PaneRegister

Grid = npt.NDArray[np.float32]
Cells = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]

_MARGIN_CELLS = 12
"""Cells kept around the boundary's box, so that a 5 km circle at the edge sees what lies just outside."""


class _Frame:
    """Where a city's grid lies in the plane of counting cells."""

    def __init__(self, left: int, top: int, right: int, bottom: int) -> None:
        self.x0, self.y0 = left - _MARGIN_CELLS, top - _MARGIN_CELLS
        self.shape = (bottom - top + 1 + 2 * _MARGIN_CELLS, right - left + 1 + 2 * _MARGIN_CELLS)
        self._columns: dict[tuple[int, ...], sketch.Columns] = {}

    @classmethod
    def of_city(cls, city: City) -> _Frame:
        """The box of the city's boundary."""
        west, south, east, north = city.bbox()
        return cls(*xy_of_point(north, west), *xy_of_point(south, east))

    @classmethod
    def of_cells(cls, cells: npt.NDArray[np.int64]) -> _Frame:
        """The box of some cells."""
        if not len(cells):
            return cls(0, 0, 0, 0)
        columns, rows = demorton(cells)
        return cls(int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max()))

    def zeros(self) -> Grid:
        return np.zeros(self.shape, np.float32)

    def add(self, grid: Grid, cells: npt.NDArray[np.int64], counts: npt.ArrayLike) -> None:
        """Add counts of distinct cells; those beyond the margin are outside every question and left out."""
        columns, rows = demorton(cells)
        columns, rows = columns - self.x0, rows - self.y0
        inside = (columns >= 0) & (rows >= 0) & (columns < self.shape[1]) & (rows < self.shape[0])
        grid[rows[inside], columns[inside]] += np.asarray(counts, np.float32)[inside]

    def cells(self) -> npt.NDArray[np.int64]:
        """Every cell of the grid, row by row."""
        rows, columns = np.indices(self.shape)
        return morton(self.x0 + columns.ravel(), self.y0 + rows.ravel())

    def columns(self, table: sketch.Table) -> sketch.Columns:
        """Where every cell stands in tables of this one's size; found once."""
        known = self._columns.get(table.shape)
        if known is None:
            known = self._columns[table.shape] = sketch.columns_of(self.cells(), *table.shape)
        return known

    def within(self, grid: Grid, place: Place, radius_m: float) -> float:
        """The area-weighted sum of the grid in a circle; what lies beyond the grid counts as nothing."""
        x0, y0, weights = kernel(place[0], place[1], radius_m)
        left, top = x0 - self.x0, y0 - self.y0
        height, width = weights.shape
        if left < 0 or top < 0 or left + width > self.shape[1] or top + height > self.shape[0]:
            cut_top, cut_left = max(0, -top), max(0, -left)
            weights = weights[cut_top : max(0, self.shape[0] - top), cut_left : max(0, self.shape[1] - left)]
            left, top = max(0, left), max(0, top)
            height, width = weights.shape
        return float(np.vdot(grid[top : top + height, left : left + width], weights))


@dataclass(frozen=True, slots=True)
class _View:
    """One consistent state of the window; replaced as a whole, so that readers need no lock."""

    grids: Mapping[str, Grid]
    totals: Mapping[str, int]
    newest_received_at_ms: int | None


class LiveWindow:
    """A front end's copy of one city's window. One thread calls `update`, any number ask.

    sources: what the city has (default `city.sources`); a gauge without its source is None. partitions: how many
    partitions each topic has; given, the age of the window is unknown until every one of them has been heard.
    """

    def __init__(
        self,
        city: City,
        sources: Collection[str] | None = None,
        partitions: Mapping[str, int] | None = None,
    ) -> None:
        has = city.sources if sources is None else frozenset(sources)
        self._gauges = [gauge for gauge in GAUGES if GAUGE_SOURCE[gauge] in has]
        topics = {GAUGE_TOPIC[gauge] for gauge in self._gauges}
        self._shown_of = {topic: topic for topic in topics}
        self._expected = {topic: count for topic, count in (partitions or {}).items() if topic in topics}
        self._city = city
        self._frame = _Frame.of_city(city)
        self._registers: dict[str, dict[tuple[str, int, int], PaneRegister]] = {gauge: {} for gauge in self._gauges}
        self._log_times: dict[tuple[str, int], int] = {}
        self._newest_pane = -1
        self._newest_of: dict[tuple[str, int], int] = {}
        self._view = _View({}, {}, None)

    def update(self, registers: Iterable[PaneRegister]) -> bool:
        """Take what the store holds now; False when nothing in it is newer than what is known."""
        dirty = set()
        held = [r for r in registers if r.gauge in self._registers and r.city == self._city.id]
        for register in held:
            of = (register.topic, register.partition)
            self._newest_pane = max(self._newest_pane, register.pane)
            self._newest_of[of] = max(self._newest_of.get(of, register.pane), register.pane)
            self._log_times[of] = max(self._log_times.get(of, 0), register.log_time_ms)
        dirty |= self._follow()
        for register in held:
            known = self._registers[register.gauge]
            at = (register.topic, register.partition, register.pane)
            before = known.get(at)
            if self._is_past(at) or (before is not None and before.covers_offset >= register.covers_offset):
                continue
            known[at] = register
            if before is None or not _same_counts(before, register):
                dirty.add(register.gauge)
        if not dirty and self._view.newest_received_at_ms == self._age():
            return False
        grids, totals = dict(self._view.grids), dict(self._view.totals)
        for gauge in dirty:
            shown = self._shown(gauge)
            grids[gauge] = self._grid(shown)
            totals[gauge] = sum(register.total for register in shown)
        self._view = _View(grids, totals, self._age())
        return True

    def whole_panes(self) -> frozenset[int]:
        """Panes of which the closed register of every gauge and partition, of one generation, is known: they change no more.

        Empty where it is not known how many partitions there are.
        """
        closed = Counter(
            (at[0], at[2]) for known in self._registers.values() for at, register in known.items() if register.closed
        )
        gauges = Counter(GAUGE_TOPIC[gauge] for gauge in self._gauges)
        whole: dict[str, set[int]] = {topic: set() for topic in gauges}
        for (name, pane), count in closed.items():
            topic = generation.topic_of(name)
            if count == self._expected.get(name, 0) * gauges[topic]:
                whole[topic].add(pane)
        return frozenset(set.intersection(*whole.values()) if whole else ())

    def _follow(self) -> set[str]:
        """Turn to a newer generation once all its partitions have been heard; the gauges that this changes."""
        heard = Counter(topic for topic, _partition in self._log_times)
        changed = set()
        for name, count in heard.items():
            told = generation.of(name)
            if told.partitions is not None and told.topic in self._shown_of:
                self._expected[name] = told.partitions
                shown = generation.of(self._shown_of[told.topic])
                if count == told.partitions and told.number > shown.number:
                    self._shown_of[told.topic] = name
                    changed |= {gauge for gauge in self._gauges if GAUGE_TOPIC[gauge] == told.topic}
        return changed

    def _age(self) -> int | None:
        shown = set(self._shown_of.values())
        times = {at: ms for at, ms in self._log_times.items() if at[0] in shown}
        heard = Counter(topic for topic, _partition in times)
        if not times or any(heard[topic] < self._expected.get(topic, 0) for topic in shown):
            return None
        return min(times.values())

    def _shown(self, gauge: str) -> list[PaneRegister]:
        """The registers that make up the gauge now; forgets those too old to matter."""
        known = self._registers[gauge]
        for at in [at for at in known if self._is_past(at)]:
            del known[at]
        if gauge in LEVELS:
            shown = self._shown_of[GAUGE_TOPIC[gauge]]
            return [r for at, r in known.items() if at[0] == shown and at[2] == self._newest_of[at[:2]]]
        return [register for at, register in known.items() if at[2] > self._newest_pane - WINDOW_PANES]

    def _is_past(self, at: tuple[str, int, int]) -> bool:
        """True for a pane out of the window, unless it is the last that its partition gave."""
        return at[2] <= self._newest_pane - WINDOW_PANES and at[2] < self._newest_of[at[:2]]

    def _grid(self, registers: list[PaneRegister]) -> Grid:
        grid = self._frame.zeros()
        for register in registers:
            if register.sketch is not None and not len(register.cells):
                grid += sketch.query_columns(register.sketch, self._frame.columns(register.sketch)).reshape(grid.shape)
            else:
                self._frame.add(grid, register.cells, register.counts)
        return grid

    @property
    def newest_received_at_ms(self) -> int | None:
        """City time up to which the whole window is known: the least over partitions of each one's newest log time."""
        return self._view.newest_received_at_ms

    def within(self, gauge: str, place: Place, radius_m: float) -> float | None:
        """Area-weighted count within a circle; None when the city has no source for the gauge, or nothing is known."""
        grid = self._view.grids.get(gauge)
        return None if grid is None else self._frame.within(grid, place, radius_m)

    def level_total(self, gauge: str) -> int | None:
        """The count over the whole city, cells outside the grid included; None as for `within`."""
        return self._view.totals.get(gauge)

    def cells(self, gauge: str) -> Cells:
        """The non-empty cells of the grid, sorted, and their counts."""
        return _cells(self._frame, self._view.grids.get(gauge))


class ArchivedWindow:
    """The window as it was at some moment, from archived panes: what a training row may see."""

    def __init__(self, frame: _Frame, grids: Mapping[str, Grid]) -> None:
        self._frame = frame
        self._grids = grids

    @classmethod
    def from_counts(
        cls, counts: Mapping[str, tuple[npt.NDArray[np.int64], npt.ArrayLike]], city: City | None = None
    ) -> ArchivedWindow:
        """From (cells, counts) per gauge, already added over partitions and, for flows, over their panes.

        A gauge that is not given, or whose source the city lacks, is missing. Without a city every gauge given counts,
        and the grid is as large as its cells.
        """
        if city is None:
            parts = [np.asarray(cells, np.int64) for cells, _numbers in counts.values()]
            frame = _Frame.of_cells(np.concatenate(parts) if parts else np.zeros(0, np.int64))
        else:
            frame = _Frame.of_city(city)
        grids = {}
        for gauge, (cells, numbers) in counts.items():
            if city is None or GAUGE_SOURCE[gauge] in city.sources:
                distinct, where = np.unique(np.asarray(cells, np.int64), return_inverse=True)
                grids[gauge] = frame.zeros()
                frame.add(grids[gauge], distinct, np.bincount(where, np.asarray(numbers), len(distinct)))
        return cls(frame, grids)

    def within(self, gauge: str, place: Place, radius_m: float) -> float | None:
        """As `LiveWindow.within`: the same rule over the same grid."""
        grid = self._grids.get(gauge)
        return None if grid is None else self._frame.within(grid, place, radius_m)

    def cells(self, gauge: str) -> Cells:
        """The non-empty cells, sorted, and their counts."""
        return _cells(self._frame, self._grids.get(gauge))


def _same_counts(a: PaneRegister, b: PaneRegister) -> bool:
    return (
        a.total == b.total
        and np.array_equal(a.cells, b.cells)
        and np.array_equal(a.counts, b.counts)
        and (a.sketch is None) == (b.sketch is None)
        and (a.sketch is None or b.sketch is None or np.array_equal(a.sketch, b.sketch))
    )


def _cells(frame: _Frame, grid: Grid | None) -> Cells:
    if grid is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows, columns = np.nonzero(grid)
    found = morton(frame.x0 + columns, frame.y0 + rows)
    order = np.argsort(found)
    return found[order], np.asarray(np.rint(grid[rows, columns][order]), np.int64)
