"""Operator caps in memory: the twin of Cassandra's."""

from __future__ import annotations

import threading
from dataclasses import replace

from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.pricing.caps import SurgeCap


class MemoryCaps:
    """`CapStore` in a dictionary. Set `unavailable` to act as a store out of reach."""

    def __init__(self) -> None:
        self._caps: dict[tuple[str, int], SurgeCap] = {}
        self._lock = threading.Lock()
        self.unavailable = False

    def record(self, cap: SurgeCap) -> SurgeCap:
        """Keep a cap at the first free moment from its own."""
        self._check()
        with self._lock:
            while (cap.city, cap.set_at_ms) in self._caps:
                cap = replace(cap, set_at_ms=cap.set_at_ms + 1)
            self._caps[cap.city, cap.set_at_ms] = cap
        return cap

    def recorded(self, city: str) -> list[SurgeCap]:
        """The newest 100 of a city, newest first."""
        self._check()
        found = [cap for cap in self._caps.values() if cap.city == city]
        return sorted(found, key=lambda cap: -cap.set_at_ms)[:100]

    def _check(self) -> None:
        if self.unavailable:
            raise StoreUnavailable("caps are out of reach, as this test asked")
