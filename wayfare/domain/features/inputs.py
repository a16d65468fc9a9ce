"""What a feature may look at: everything known about one priced trip at its booking time, and nothing later.

The front end builds `SurgeInputs` from its copy of the window, from stores and from the request; Spark builds it from
trips joined as-of with archived panes and daily aggregates. A field whose source is absent is None: missing, never
zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from wayfare.domain.city import Place

RADIUS_M = 5_000.0
PAIR_LEVEL = 15
"""Level of the cells that make a rider's pair of places (about 1 km)."""

PLACE_KINDS = (
    "home",
    "office",
    "pub",
    "arena",
    "temple",
    "airport",
    "station",
    "hotel",
    "shop",
    "hospital",
    "school",
    "park",
    "other",
)


class WindowView(Protocol):
    """The live window, or an archived pane of it, as a feature sees it."""

    def within(self, gauge: str, place: Place, radius_m: float) -> float | None:
        """Area-weighted count of a level within a circle; None when the city has no source for the gauge."""


class Travel(Protocol):
    """Distance, duration and wait learned from history by cell and hour, with parent back-off."""

    def distance_m(self, pickup: Place, dropoff: Place, hour: int) -> float: ...

    def duration_s(self, pickup: Place, dropoff: Place, hour: int) -> float: ...

    def wait_s(self, pickup: Place, hour: int) -> float: ...


class Tree(Protocol):
    """The adaptive quad-tree carried by the artifact."""

    def leaf(self, lat: float, lon: float) -> int:
        """Index of the deepest node with enough training rows that holds the point: an unseen leaf answers as its parent."""


@dataclass(frozen=True, slots=True)
class RiderHistory:
    """A rider's bookings in the 30 days before the last daily batch, of which `days_seen` days had data.

    by_pair: keys `<pickup cell>-<drop cell>` at PAIR_LEVEL. A rider who never booked has zero counts, not None.
    """

    bookings: int
    days_seen: int
    by_multiplier: Mapping[float, int] = field(default_factory=dict)
    by_pair: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Weather:
    """The newest observation at booking time: degrees Celsius, mm per hour, 0 to 1, m/s."""

    temperature_c: float
    rain_mm: float
    humidity: float
    wind_ms: float


@dataclass(frozen=True, slots=True)
class SurgeInputs:
    """Inputs of the surge model's features for one trip. `local_hour` 0-23 and `local_weekday` 0 = Monday, city time."""

    pickup: Place
    dropoff: Place
    local_hour: int
    local_weekday: int
    travel: Travel
    tree: Tree
    window: WindowView | None = None
    rider: RiderHistory | None = None
    weather: Weather | None = None
    place_kind: str | None = None
