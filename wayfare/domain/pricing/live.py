"""What a front end knows of a city at this moment, in its own memory: a request makes no call for it.

One refresher replaces the parts as wholes; requests read them without locks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from wayfare.domain.city import City, Place
from wayfare.domain.features.inputs import Weather
from wayfare.domain.features.stores import CellFeatures
from wayfare.domain.geo.cells import center, distance_m_point
from wayfare.domain.models.surge_bundle import SurgeBundle
from wayfare.domain.pricing.caps import SurgeCap
from wayfare.domain.pricing.ladder import LastMultiplier
from wayfare.domain.pricing.surge_map import SurgeMap
from wayfare.domain.streams.events import TOO_FAR_AHEAD_MS
from wayfare.domain.streams.panes import PaneRegister
from wayfare.domain.times import HOUR_MS

WEATHER_LIFE_MS = 3 * HOUR_MS
"""An observation older than this (city time) no longer tells the weather."""


class WindowCopy(Protocol):
    """A city's live window in memory."""

    @property
    def newest_received_at_ms(self) -> int | None:
        """The newest `received_at` that every partition has reached, on the city's clock; None when empty."""

    def within(self, gauge: str, place: Place, radius_m: float) -> float | None:
        """Area-weighted count of a level within a circle; None when the city has no source for the gauge."""

    def level_total(self, gauge: str) -> int | None:
        """The count over the whole city; None as for `within`."""

    def cells(self, gauge: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Non-empty cells (level 16) of a level, sorted, and their counts."""

    def update(self, registers: Iterable[PaneRegister]) -> bool:
        """Take what the store holds now; False when nothing in it is newer than what is known."""


@dataclass(frozen=True, slots=True)
class Observed:
    """The newest weather observation of a level-16 cell, at t_ms on the city's clock."""

    cell: int
    t_ms: int
    weather: Weather


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A verified version of a city's surge model, as this process uses it."""

    name: str
    version: int
    label: str
    bundle: SurgeBundle
    feature_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LiveParts:
    """What front ends share of a city beside its window. surge_map: None when none was computed lately."""

    surge_map: SurgeMap | None
    caps: tuple[SurgeCap, ...]
    weather: tuple[Observed, ...]


class LiveStore(Protocol):
    """Where front ends find the shared parts. Methods raise StoreUnavailable when it does not answer."""

    def read(self, city: str) -> LiveParts:
        """All parts in one round trip."""

    def share_caps(self, city: str, caps: Sequence[SurgeCap]) -> None:
        """Let every front end know the caps that run."""


@dataclass
class CityLive:
    """This process's copies of one city. `last` holds what the model said last for each cell, before caps."""

    city_id: str
    window: WindowCopy
    surge_map: SurgeMap | None = None
    caps: tuple[SurgeCap, ...] = ()
    weather: tuple[Observed, ...] = ()
    cells: Mapping[int, CellFeatures] = field(default_factory=dict)
    model: LoadedModel | None = None
    last: dict[int, LastMultiplier] = field(default_factory=dict)

    def window_problem(self, city: City, city_ms: int, stale_after_s: float) -> str | None:
        """Why the live window cannot be priced on; None when it can. stale_after_s: wall seconds."""
        if not city.sources & {"driver_pings", "ride_requests"}:
            return None
        newest = self.window.newest_received_at_ms
        if newest is None:
            return "live_window: empty"
        age_s = (city_ms - newest) / 1000
        return f"live_window: stale {age_s:.0f} s" if age_s > stale_after_s * city.clock.speed else None

    def weather_at(self, place: Place, city_ms: int) -> Weather | None:
        """The nearest observation that is not too old; None when there is none."""
        current = [seen for seen in self.weather if -TOO_FAR_AHEAD_MS <= city_ms - seen.t_ms <= WEATHER_LIFE_MS]
        if not current:
            return None
        if len(current) == 1:
            return current[0].weather
        return min(current, key=lambda seen: distance_m_point(*place, *center(seen.cell))).weather

    def remember(self, surge_map: SurgeMap) -> None:
        """Serve this map from now on, and keep what the model said in it for the ladder."""
        known = self.surge_map
        if known is not None and known.computed_at_ms >= surge_map.computed_at_ms:
            return
        for cell in surge_map.cells:
            if cell.price_source == "model":
                self.last[cell.cell] = LastMultiplier(cell.uncapped, surge_map.computed_at_ms)
        self.surge_map = surge_map
