"""What the peers of the streams do with one ping: the latest fix of each driver in a dict, and from it the counts of cells."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

from wayfare.domain.geo.cells import cell_of_point

Counts = dict[int, int]

_LATE = dt.timedelta(minutes=10)


class Tally:
    """Pings one by one, as their JSON says them."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[dt.datetime, int, str]] = {}

    def take(self, raw: dict[str, Any]) -> None:
        t = dt.datetime.fromisoformat(raw["t"])
        if dt.datetime.fromisoformat(raw["received_at"]) - t > _LATE:
            return
        known = self._last.get(raw["driver_id"])
        if known is None or known[0] < t:
            self._last[raw["driver_id"]] = (t, cell_of_point(raw["lat"], raw["lon"]), raw["status"])

    def counts(self) -> Counts:
        """Cabs available by cell."""
        return dict(Counter(cell for _t, cell, status in self._last.values() if status == "available"))
