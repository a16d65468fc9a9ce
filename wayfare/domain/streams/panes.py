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

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

PANE_MS = 60_000
WINDOW_PANES = 10
"""Flows are summed over this many panes."""

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
    sketch: npt.NDArray[np.uint32] | None = None
    distinct: npt.NDArray[np.uint8] | None = None

    @property
    def key(self) -> str:
        """The register's identity in the log and in stores."""
        return f"{self.city}|{self.gauge}|{self.topic}|{self.partition}|{self.pane}"


class WindowStore(Protocol):
    """Where live panes are kept for readers; rebuildable from the log at any time."""

    def put(self, registers: list[PaneRegister]) -> int:
        """Store each register unless one with the same or a higher offset is there; returns how many were stored."""

    def read(self, city: str, newest_pane: int) -> list[PaneRegister]:
        """All registers of the panes `newest_pane - WINDOW_PANES` to `newest_pane + 1`, exact parts, in one round trip."""
