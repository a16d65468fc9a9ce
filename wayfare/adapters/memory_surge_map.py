"""Surge maps, their lease and the other shared live parts in memory: the twin of the Redis ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.pricing.caps import SurgeCap
from wayfare.domain.pricing.live import LiveParts, Observed
from wayfare.domain.pricing.surge_map import SurgeMap


class SharedMemory:
    """What Redis holds for all processes. `unavailable` acts as a Redis out of reach. monotonic_s: clock of leases."""

    def __init__(self, monotonic_s: Callable[[], float], lease_s: float = 3.0) -> None:
        self.monotonic_s = monotonic_s
        self.lease_s = lease_s
        self.maps: dict[str, SurgeMap] = {}
        self.leases: dict[str, tuple[str, float]] = {}
        self.caps: dict[str, tuple[SurgeCap, ...]] = {}
        self.weather: dict[str, tuple[Observed, ...]] = {}
        self.unavailable = False
        self.lock = threading.Lock()

    def check(self) -> None:
        """StoreUnavailable when told to be."""
        if self.unavailable:
            raise StoreUnavailable("the shared memory is out of reach, as this test asked")


class MemorySurgeMap:
    """`SurgeMapStore` of one process, by the name `holder`, on shared memory."""

    def __init__(self, shared: SharedMemory, holder: str) -> None:
        self._shared = shared
        self._holder = holder

    def hold(self, city: str) -> bool:
        """Take or renew the lease."""
        self._shared.check()
        with self._shared.lock:
            now = self._shared.monotonic_s()
            holder, ends = self._shared.leases.get(city, (self._holder, now))
            if holder != self._holder and now < ends:
                return False
            self._shared.leases[city] = (self._holder, now + self._shared.lease_s)
            return True

    def put(self, surge_map: SurgeMap) -> bool:
        """Share the map while the lease is held."""
        self._shared.check()
        with self._shared.lock:
            if not self._holds(surge_map.city):
                return False
            self._shared.maps[surge_map.city] = surge_map
            return True

    def release(self, city: str) -> None:
        """Give the lease back."""
        self._shared.check()
        with self._shared.lock:
            if self._holds(city):
                del self._shared.leases[city]

    def _holds(self, city: str) -> bool:
        holder, ends = self._shared.leases.get(city, ("", 0.0))
        return holder == self._holder and self._shared.monotonic_s() < ends


class MemoryLive:
    """`LiveStore` on shared memory."""

    def __init__(self, shared: SharedMemory) -> None:
        self._shared = shared

    def read(self, city: str) -> LiveParts:
        """Map, caps and weather."""
        self._shared.check()
        shared = self._shared
        return LiveParts(shared.maps.get(city), shared.caps.get(city, ()), shared.weather.get(city, ()))

    def share_caps(self, city: str, caps: Sequence[SurgeCap]) -> None:
        """Let every reader know the caps that run."""
        self._shared.check()
        self._shared.caps[city] = tuple(caps)
