"""A rider's booking history for one quote: from memory, else Redis, else Cassandra, else missing and said so."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wayfare.domain.breaker import Breaker
from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.features.inputs import RiderHistory
from wayfare.domain.features.stores import RiderStore


@dataclass(frozen=True)
class HistorySource:
    """A place to ask. timeout_s: longest that one question may take."""

    name: str
    store: RiderStore
    breaker: Breaker
    timeout_s: float


class LayeredHistories:
    """Asks the sources in order within a budget, and remembers answers for `keep_s` seconds, `keep_most` at most."""

    def __init__(
        self,
        sources: Sequence[HistorySource],
        keep_s: float,
        keep_most: int,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._sources = sources
        self._keep_s = keep_s
        self._keep_most = keep_most
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[float, RiderHistory]] = OrderedDict()

    def read(self, city: str, rider_id: str, budget_s: float) -> tuple[RiderHistory | None, str | None]:
        """The history, and None; or None, and what failed, as `degraded` tells it."""
        started = self._monotonic_s()
        key = (city, rider_id)
        kept = self._kept.get(key)
        if kept is not None and kept[0] > started:
            return kept[1], None
        failed = []
        for source in self._sources:
            left = min(source.timeout_s, budget_s - (self._monotonic_s() - started))
            if left <= 0.001 or not source.breaker.allows():
                failed.append(source.name)
                continue
            try:
                found = source.store.read(city, rider_id, left)
            except StoreUnavailable:
                source.breaker.failed()
                failed.append(source.name)
                continue
            source.breaker.succeeded()
            if found is not None:
                self._keep(key, found, started)
                return found, None
        if not failed:
            return None, "rider_history: no daily batch is loaded, treated as missing"
        return None, f"rider_history: {' and '.join(failed)} unavailable, treated as missing"

    def _keep(self, key: tuple[str, str], history: RiderHistory, now: float) -> None:
        with self._lock:
            self._kept[key] = (now + self._keep_s, history)
            self._kept.move_to_end(key)
            while len(self._kept) > self._keep_most:
                self._kept.popitem(last=False)
