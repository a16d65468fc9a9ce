"""This process's copies of what is live, kept fresh by threads of their own, so that a request makes no call for them.

Three loops, because they wait for different things: the window and shared parts from Redis, several times a second;
operator caps and cells, whose truth is Cassandra, every few seconds; the surge map, in the one process that holds its lease.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.pricing_api.settings import PricingSettings
from wayfare.domain.city import City, Registry
from wayfare.domain.errors import StoreUnavailable, WindowUnavailable
from wayfare.domain.features.stores import CellStore
from wayfare.domain.pricing.caps import CapStore, SurgeCap
from wayfare.domain.pricing.live import CityLive, LiveStore
from wayfare.domain.pricing.mapping import MapRows, compute_map
from wayfare.domain.pricing.pricer import Pricer, moment
from wayfare.domain.pricing.surge_map import SurgeMapStore
from wayfare.domain.streams.panes import GAUGE_TOPIC, PANE_MS, WindowStore
from wayfare.domain.streams.window import LiveWindow
from wayfare.inventory import topic
from wayfare.runtime import logs
from wayfare.runtime.metrics import CABS_AVAILABLE, REQUESTS_WAITING, WINDOW_AGE


@dataclass
class Copies:
    """`cities` holds the copies by city id. cells: stores of the daily batch's cells, the first that answers counts."""

    registry: Callable[[], Registry]
    windows: WindowStore
    live: LiveStore
    maps: SurgeMapStore
    caps: CapStore
    cells: Sequence[CellStore]
    pricer: Pricer
    settings: PricingSettings
    wall_ms: Callable[[], int]
    cities: dict[str, CityLive] = field(default_factory=dict)
    problem: str | None = "the live window was not read yet"
    truth_problem: str | None = "operator caps were not read yet"
    _cells_read: dict[str, float] = field(default_factory=dict)
    _rows: dict[str, MapRows] = field(default_factory=dict)
    _shapes: dict[str, tuple[object, object]] = field(default_factory=dict)

    def of(self, city: City) -> CityLive:
        """The copies of a city; empty ones for a city registered a moment ago."""
        found = self.cities.get(city.id)
        if found is None:
            found = self.cities.setdefault(city.id, CityLive(city.id, _window(city)))
            self._shapes.setdefault(city.id, (city.boundary, city.sources))
        return found

    def refresh(self) -> None:
        """Copy the window, map, caps and weather of every city; what cannot be read stays as it was."""
        problem = None
        for city in self.registry():
            copy = self.of(city)
            if self._shapes[city.id] != (city.boundary, city.sources):
                copy.window, self._shapes[city.id] = _window(city), (city.boundary, city.sources)
            now = city.clock.at(self.wall_ms())
            try:
                whole = copy.window.whole_panes()
                copy.window.update(self.windows.read(city.id, now // PANE_MS, whole))
                parts = self.live.read(city.id)
                copy.weather = parts.weather
                copy.caps = merged(copy.caps, parts.caps)
                if parts.surge_map is not None:
                    copy.remember(parts.surge_map)
            except (StoreUnavailable, WindowUnavailable) as error:
                problem = str(error)
            newest = copy.window.newest_received_at_ms
            if newest is not None:
                WINDOW_AGE.labels(city.id).set((now - newest) / 1000 / city.clock.speed)
                for gauge, level in ((CABS_AVAILABLE, "cabs_available"), (REQUESTS_WAITING, "requests_waiting")):
                    # What a city has no source for is absent from the metrics: zero would say that there is none.
                    if (total := copy.window.level_total(level)) is not None:
                        gauge.labels(city.id).set(total)
        self._tell(self.problem, problem)
        self.problem = problem

    def read_truths(self) -> None:
        """Read caps from their truth, and share them again where they were lost; read cells now and then."""
        problem = None
        for city in self.registry():
            copy = self.of(city)
            try:
                recorded = self.caps.recorded(city.id)
                copy.caps = merged(copy.caps, recorded)
                self._share(city.id, copy.caps)
            except StoreUnavailable as error:
                problem = str(error)
            last = self._cells_read.get(city.id)
            if last is None or not copy.cells or time.monotonic() - last > self.settings.cells_poll_seconds:
                problem = self._read_cells(city.id, copy) or problem
        self.truth_problem = problem

    def take_cap(self, cap: SurgeCap) -> None:
        """Put a cap that was just recorded in force here at once, and tell the other front ends."""
        copy = self.cities[cap.city]
        copy.caps = merged(copy.caps, [cap])
        try:
            self._share(cap.city, copy.caps)
        except StoreUnavailable as error:
            logs.logger().warning("a cap could not be shared; others read it from its truth", reason=str(error))

    def compute_maps(self) -> None:
        """Compute and share the map of each city whose lease this process holds."""
        for city in self.registry():
            copy = self.of(city)
            model = copy.model
            if model is None:
                continue
            try:
                if not self.maps.hold(city.id):
                    continue
                now = moment(city, self.wall_ms())
                rows = self._rows.setdefault(city.id, MapRows())
                computed = compute_map(city, copy, model, self.pricer, now, rows, self.settings.map_tick_seconds * 2)
                self.maps.put(computed)
            except StoreUnavailable:
                # Told by `refresh`, which asks the same store more often; the last copy is served with its age.
                continue

    def release_leases(self) -> None:
        """Let another process compute the maps at once."""
        for city in self.registry():
            try:
                self.maps.release(city.id)
            except StoreUnavailable:
                return

    def _share(self, city: str, caps: Sequence[SurgeCap]) -> None:
        now = self.wall_ms()
        running = [cap for cap in caps if cap.until_ms > now]
        shared = [cap for cap in self.live.read(city).caps if cap.until_ms > now]
        if {cap.set_at_ms for cap in running} != {cap.set_at_ms for cap in shared}:
            self.live.share_caps(city, running)

    def _read_cells(self, city: str, copy: CityLive) -> str | None:
        problem = None
        for store in self.cells:
            try:
                found = store.read_cells(city)
            except StoreUnavailable as error:
                problem = str(error)
                continue
            if found:
                copy.cells = found
                self._cells_read[city] = time.monotonic()
                return None
        return problem

    def _tell(self, before: str | None, now: str | None) -> None:
        if now is not None and before is None:
            logs.logger().warning("live copies cannot be refreshed", reason=now)
        elif now is None and before is not None:
            logs.logger().info("live copies are fresh")


def _window(city: City) -> LiveWindow:
    return LiveWindow(
        city, partitions={gauge_topic: topic(gauge_topic).partitions for gauge_topic in GAUGE_TOPIC.values()}
    )


def merged(known: Sequence[SurgeCap], read: Sequence[SurgeCap], most: int = 100) -> tuple[SurgeCap, ...]:
    """Caps of both, newest first: caps are never changed, so a source that lost some takes none away."""
    by_moment = {cap.set_at_ms: cap for cap in (*known, *read)}
    return tuple(sorted(by_moment.values(), key=lambda cap: -cap.set_at_ms)[:most])
