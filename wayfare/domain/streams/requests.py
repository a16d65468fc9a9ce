"""Which requests wait: the state of one partition's requests in one city, moved by their steps in log order.

A request waits from `opened` until a terminal status or for REQUEST_EXPIRES_MS. A terminal status wins in any order: one
that comes first leaves a tombstone, and the `opened` that follows counts as opened but not as waiting. Each
(request, status) counts once; late and future steps change nothing, as for pings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.geo.cells import cells_of
from wayfare.domain.streams.columns import RequestColumns
from wayfare.domain.streams.distinct import identity_hash
from wayfare.domain.streams.events import LATE_MS, REQUEST_EXPIRES_MS, REQUEST_STATUSES, TOO_FAR_AHEAD_MS

Members = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]

FORGET_MS = 30 * 60_000
"""A request untouched for longer is forgotten: it has expired, and any step of that time would be late."""

_OPENED = REQUEST_STATUSES.index("opened")
_TERMINAL = sum(1 << i for i, status in enumerate(REQUEST_STATUSES) if status != "opened")

_STEPS, _CELL, _OPENED_AT, _TOUCHED, _HASH, _WAITING = range(6)


class Requests:
    """See the module. Per request: bits of the steps seen, pickup cell, when opened, last touched, hash, waiting.

    ended: requests that `expired` without a terminal status, and that were `ended_before_opened`.
    """

    gauges: tuple[str, ...] = ("requests_waiting", "requests_opened")

    def __init__(self) -> None:
        self._requests: dict[str, list[int]] = {}
        self._opened: list[tuple[int, int]] = []
        self.ended: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._requests)

    def apply(self, rows: RequestColumns, pane_start_ms: int) -> Counter[str]:
        """Move the state by rows of one pane; how many were `applied`, and rejected by reason."""
        outcome: Counter[str] = Counter()
        cells = cells_of(np.nan_to_num(rows.lat), np.nan_to_num(rows.lon)).tolist()
        steps = zip(rows.ids, rows.t_ms.tolist(), rows.received_ms.tolist(), rows.status.tolist(), cells, strict=True)
        for identity, t, received, status, cell in steps:
            outcome[self._step(identity, t, received, status, cell, pane_start_ms)] += 1
        return outcome

    def _step(self, identity: str, t: int, received: int, status: int, cell: int, pane_start_ms: int) -> str:
        if received - t > LATE_MS:
            return "late"
        if t - received > TOO_FAR_AHEAD_MS:
            return "future"
        known = self._requests.get(identity)
        if known is None:
            known = self._requests[identity] = [0, -1, -1, -1, identity_hash(identity), 0]
        if known[_STEPS] & (1 << status):
            return "duplicate"
        known[_STEPS] |= 1 << status
        heard = min(t, received)
        known[_TOUCHED] = max(known[_TOUCHED], heard)
        if status == _OPENED:
            known[_CELL], known[_OPENED_AT] = cell, heard
            self._opened.append((cell, known[_HASH]))
            if known[_STEPS] & _TERMINAL:
                self.ended["ended_before_opened"] += 1
        known[_WAITING] = int(
            known[_CELL] >= 0
            and not known[_STEPS] & _TERMINAL
            and pane_start_ms - known[_OPENED_AT] <= REQUEST_EXPIRES_MS
        )
        return "applied"

    def sweep(self, pane_end_ms: int) -> None:
        """A pane has ended: requests older than REQUEST_EXPIRES_MS no longer wait, long untouched ones are forgotten."""
        for identity, known in list(self._requests.items()):
            if known[_WAITING] and pane_end_ms - known[_OPENED_AT] > REQUEST_EXPIRES_MS:
                known[_WAITING] = 0
                self.ended["expired"] += 1
            if pane_end_ms - known[_TOUCHED] > FORGET_MS:
                del self._requests[identity]

    def members(self, gauge: str) -> Members:
        """Cell and identity hash of everything that the gauge counts now."""
        if gauge == "requests_opened":
            pairs = self._opened
        else:
            pairs = [(known[_CELL], known[_HASH]) for known in self._requests.values() if known[_WAITING]]
        return (
            np.fromiter((cell for cell, _hash in pairs), np.int64, len(pairs)),
            np.fromiter((hashed for _cell, hashed in pairs), np.uint64, len(pairs)),
        )

    def new_pane(self) -> None:
        """Flows start again from nothing."""
        self._opened = []

    def dump(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """The whole state as JSON and arrays, requests sorted by id, for a snapshot."""
        ids = sorted(self._requests)
        rows = np.array([[v if v < 1 << 63 else v - (1 << 64) for v in self._requests[i]] for i in ids], np.int64)
        opened = self.members("requests_opened")
        return {"ids": ids, "ended": dict(sorted(self.ended.items()))}, {
            "requests": rows.reshape(len(ids), 6),
            "opened_cell": opened[0],
            "opened_hash": opened[1],
        }

    @classmethod
    def restore(cls, meta: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> Requests:
        """The state that `dump` gave."""
        requests = cls()
        for identity, row in zip(meta["ids"], arrays["requests"].tolist(), strict=True):
            row[_HASH] &= (1 << 64) - 1
            requests._requests[identity] = row
        requests.ended = Counter(meta.get("ended", {}))
        requests._opened = list(zip(arrays["opened_cell"].tolist(), arrays["opened_hash"].tolist(), strict=True))
        return requests

    @classmethod
    def taken_over(cls, parts: Sequence[Requests], mine: Callable[[Sequence[str]], npt.NDArray[np.bool_]]) -> Requests:
        """Of the requests of some partitions those that are mine; that they were opened is counted already."""
        requests = cls()
        rows = {identity: row for part in parts for identity, row in part._requests.items()}
        ids = sorted(rows)
        requests._requests = {ids[i]: list(rows[ids[i]]) for i in np.flatnonzero(mine(ids)).tolist()}
        return requests
