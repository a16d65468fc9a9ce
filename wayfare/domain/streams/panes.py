"""Window panes: registers ordered by the log offset that they cover.

A pane is one minute of a city's *log time*: the largest `received_at` seen in the partition, ticks included. An
event counts in the pane in which it became known, so a pane never sees what was not yet known (point-in-time), and
it closes when log time passes its end. An event up to ten minutes late still changes the state; a later one is
counted as late and changes nothing.

Levels are the state at the pane's end (for the open pane: up to the last record consumed). Flows are what happened
in the pane. One register holds one (city, gauge, topic, partition, pane); its bytes are a function of the partition's
log up to `covers_offset`, and a writer wins only with a higher offset, so a zombie or a replay does no harm.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from wayfare.domain.streams import sketch
from wayfare.domain.streams.distinct import Registers

PANE_MS = 60_000
"""A minute: a price looks back over whole panes, so a shorter pane would cost more registers and gain less than the tick
(a second) already gives the open one; a longer one would make silence and expiry, judged at its end, coarse."""
WINDOW_PANES = 10
"""Flows are summed over this many panes: ten minutes, about the time in which a cab five minutes away comes and leaves
again. Over fewer, a cell of a quiet district has too few requests to tell demand from chance."""

LEVELS = ("cabs_available", "cabs_dropping_off", "requests_waiting")
FLOWS = ("requests_opened", "trips_started")
GAUGES = LEVELS + FLOWS

GAUGE_TOPIC = {
    "cabs_available": "driver-pings",
    "cabs_dropping_off": "driver-pings",
    "trips_started": "driver-pings",
    "requests_waiting": "ride-requests",
    "requests_opened": "ride-requests",
}
"""The topic whose partitions each gauge is computed from."""

GAUGE_SOURCE = {
    "cabs_available": "driver_pings",
    "cabs_dropping_off": "dropoffs",
    "trips_started": "driver_pings",
    "requests_waiting": "waiting",
    "requests_opened": "ride_requests",
}
"""What a city must have (`City.sources`) for a gauge to mean anything; without it the gauge is missing, never zero."""

SEEN = "cabs_seen"
"""Register of cabs seen, per aligned interval of `SEEN_PANES` panes: every cab counts once in each cell it was in. Its
pane is the interval's last."""
SEEN_PANES = 10
"""Ten minutes: as long as flows are summed, and long enough for a driving cab to show in every cell of its way."""

GAP_PANES = WINDOW_PANES + 2
"""Most registers closed when time leaps: the pane that was open and the newest of those passed. More would be equal to
each other and older than any window."""

EXACT_CELLS_MAX = sketch.D * sketch.W * 4 // 12
"""Past this many non-empty cells a register's exact part (12 bytes a cell) would be larger than its sketch, which then
serves alone."""


def newest_closed_pane(t_ms: int) -> int:
    """The newest pane that something at `t_ms` (city time) may see: a pane is known from its end on, not before.

    >>> newest_closed_pane(3 * PANE_MS), newest_closed_pane(3 * PANE_MS - 1)
    (2, 1)
    """
    return t_ms // PANE_MS - 1


def panes_visible(gauge: str, t_ms: int) -> range:
    """The archived panes that make a gauge's value at `t_ms`: the newest closed one for a level, WINDOW_PANES for a flow.

    The live window also sees the open pane so far, so training looks at data up to a minute older than serving does.
    """
    newest = newest_closed_pane(t_ms)
    return range(newest + 1 - (1 if gauge in LEVELS else WINDOW_PANES), newest + 1)


@dataclass(frozen=True, slots=True)
class PaneRegister:
    """Counts of one gauge in one pane, from one partition of one topic.

    pane: number of the pane, `log time // PANE_MS`. log_time_ms: the newest `received_at` covered. cells, counts:
    exact distinct counts of the non-empty cells (level 16), sorted by cell; empty past `EXACT_CELLS_MAX` cells, when the sketch takes over.
    sketch: count-min table of uint32 [D, W]; distinct: HyperLogLog registers of uint8 [2^p]. Both are None where a
    reader asked for the exact part only.
    """

    city: str
    gauge: str
    topic: str
    partition: int
    pane: int
    covers_offset: int
    log_time_ms: int
    closed: bool
    total: int
    cells: npt.NDArray[np.int64]
    counts: npt.NDArray[np.uint32]
    sketch: sketch.Table | None = None
    distinct: Registers | None = None

    @property
    def key(self) -> str:
        """The register's identity in the log and in stores."""
        return f"{self.city}|{self.gauge}|{self.topic}|{self.partition}|{self.pane}"


class WindowStore(Protocol):
    """Where live panes are kept for readers; rebuildable from the log at any time."""

    def put(self, registers: list[PaneRegister]) -> int:
        """Store each register unless one with the same or a higher offset is there; returns how many were stored."""

    def read(self, city: str, newest_pane: int, whole: Collection[int] = ()) -> list[PaneRegister]:
        """All registers of the panes `newest_pane - WINDOW_PANES` to `newest_pane + 1`, exact parts, in one round trip.

        whole: panes that the reader has whole already (`LiveWindow.whole_panes`), left out.
        """

    def read_seen(self, city: str, interval: int) -> list[PaneRegister]:
        """The whole registers `SEEN` of one aligned interval, one for each partition that has closed it."""
