"""Cities, their boundaries, tariffs and clocks.

A ping, request or quote belongs to the city whose boundary holds its place. Boundaries in one registry never
overlap. Each city has a clock: wall time, or an affine image of it (an offset and a speed) for a replay or a
simulation. Event times, windows and local hours use the city's clock; tokens and quote expiry use wall time.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wayfare.domain.errors import InvalidInput, OutOfCity

Degrees = npt.NDArray[np.float64]


class Place(NamedTuple):
    """A point in WGS 84 degrees."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Tariff:
    """What a trip costs before surge; minor units of the city's currency, per kilometre and per minute."""

    flag_minor: int
    per_km_minor: int
    per_minute_minor: int
    minimum_minor: int


@dataclass(frozen=True, slots=True)
class CityClock:
    """City time = `city_anchor_ms` + (wall - `wall_anchor_ms`) x `speed`. Milliseconds since the Unix epoch.

    >>> CityClock(wall_anchor_ms=1000, city_anchor_ms=0, speed=60.0).at(2000)
    60000
    """

    wall_anchor_ms: int = 0
    city_anchor_ms: int = 0
    speed: float = 1.0

    @property
    def is_wall(self) -> bool:
        """True when this clock is wall time itself."""
        return self.speed == 1.0 and self.wall_anchor_ms == self.city_anchor_ms

    def at(self, wall_ms: int) -> int:
        """City time in milliseconds at a wall time in milliseconds."""
        return self.city_anchor_ms + round((wall_ms - self.wall_anchor_ms) * self.speed)


@dataclass(frozen=True, slots=True)
class City:
    """One entry of the registry.

    boundary: corners of a simple polygon, not closed, in order. `sources` names what this city really has, among
    `SOURCES`; a feature whose source is absent is missing (never zero) and is listed in `lineage.defaults`.
    """

    id: str
    name: str
    boundary: tuple[Place, ...]
    center: Place
    time_zone: str
    currency: str
    country: str
    tariff: Tariff
    ride_types: tuple[str, ...] = ("standard",)
    surge_cap: float = 2.5
    sources: frozenset[str] = frozenset()
    clock: CityClock = field(default_factory=CityClock)

    def holds(self, lat: float, lon: float) -> bool:
        """True when the place lies inside the boundary (even-odd rule; edges may fall on either side)."""
        inside = False
        previous = self.boundary[-1]
        for corner in self.boundary:
            if (corner.lat > lat) != (previous.lat > lat) and lon < (previous.lon - corner.lon) * (lat - corner.lat) / (
                previous.lat - corner.lat
            ) + corner.lon:
                inside = not inside
            previous = corner
        return inside

    def holds_each(self, lat: Degrees, lon: Degrees) -> npt.NDArray[np.bool_]:
        """`holds` of many places at once: the same rule in the same arithmetic."""
        inside = np.zeros(lat.shape, np.bool_)
        previous = self.boundary[-1]
        for corner in self.boundary:
            if corner.lat != previous.lat:
                east = (previous.lon - corner.lon) * (lat - corner.lat) / (previous.lat - corner.lat) + corner.lon
                inside ^= ((corner.lat > lat) != (previous.lat > lat)) & (lon < east)
            previous = corner
        return inside

    def bbox(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        lats = [corner.lat for corner in self.boundary]
        lons = [corner.lon for corner in self.boundary]
        return min(lons), min(lats), max(lons), max(lats)

    def local(self, city_ms: int) -> dt.datetime:
        """The city's local time at `city_ms` (milliseconds since the epoch on the city's clock)."""
        return dt.datetime.fromtimestamp(city_ms / 1000, zoneinfo.ZoneInfo(self.time_zone))


SOURCES = frozenset({"driver_pings", "dropoffs", "ride_requests", "waiting", "riders", "weather", "place_kinds"})
"""What a city may have: pings; drop-offs told in pings; requests; requests that really wait; riders with
ids; weather observations; kinds of places."""


_MANY = 16
"""From so many places on arrays are faster."""


class Registry:
    """The cities of one installation, by id and by place."""

    def __init__(self, cities: Iterable[City]) -> None:
        self._cities = {city.id: city for city in cities}

    def __iter__(self) -> Iterator[City]:
        return iter(self._cities.values())

    def ids(self) -> list[str]:
        """City ids in registry order."""
        return list(self._cities)

    def get(self, city_id: str) -> City:
        """The city with this id; InvalidInput when there is none."""
        try:
            return self._cities[city_id]
        except KeyError as error:
            raise InvalidInput(f"no such city is registered, got {city_id!r}") from error

    def at(self, lat: float, lon: float) -> City:
        """The city that holds this place; OutOfCity when none does."""
        for city in self._cities.values():
            if city.holds(lat, lon):
                return city
        raise OutOfCity(f"no registered city holds this place, got {lat},{lon}")

    def ids_at(self, lat: Sequence[float] | Degrees, lon: Sequence[float] | Degrees) -> list[str | None]:
        """The id of the city that holds each of some places, None where none does."""
        if len(lat) < _MANY:
            places = zip(lat, lon, strict=True)
            return [next((city.id for city in self if city.holds(*place)), None) for place in places]
        lats, lons = np.asarray(lat, np.float64), np.asarray(lon, np.float64)
        found: list[str | None] = [None] * len(lats)
        for city in reversed(list(self)):
            held = city.holds_each(lats, lons)
            if held.all():
                found = [city.id] * len(lats)
                continue
            for at in np.flatnonzero(held).tolist():
                found[at] = city.id
        return found


def city_from_json(raw: Mapping[str, Any]) -> City:
    """A city from its JSON form (the file of cities); InvalidInput names the field that is wrong."""
    try:
        zoneinfo.ZoneInfo(raw["time_zone"])
        unknown = set(raw.get("sources", ())) - SOURCES
        if unknown:
            raise InvalidInput(f"city {raw['id']}: sources must be among {sorted(SOURCES)}, got {sorted(unknown)}")
        corners: Sequence[Sequence[float]] = raw["boundary"]
        if len(corners) < 3:
            raise InvalidInput(f"city {raw['id']}: a boundary has at least 3 corners, got {len(corners)}")
        return City(
            id=raw["id"],
            name=raw["name"],
            boundary=tuple(Place(lat, lon) for lat, lon in corners),
            center=Place(*raw["center"]),
            time_zone=raw["time_zone"],
            currency=raw["currency"],
            country=raw["country"],
            tariff=Tariff(**raw["tariff"]),
            ride_types=tuple(raw.get("ride_types", ("standard",))),
            surge_cap=float(raw.get("surge_cap", 2.5)),
            sources=frozenset(raw.get("sources", ())),
            clock=CityClock(**raw["clock"]) if raw.get("clock") else CityClock(),
        )
    except (KeyError, TypeError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise InvalidInput(f"city {raw.get('id', '?')}: {type(error).__name__} {error}, got {dict(raw)!r}") from error


def city_to_json(city: City) -> dict[str, Any]:
    """The JSON form that `city_from_json` reads back to an equal city."""
    clock = city.clock
    return {
        "id": city.id,
        "name": city.name,
        "boundary": [list(corner) for corner in city.boundary],
        "center": list(city.center),
        "time_zone": city.time_zone,
        "currency": city.currency,
        "country": city.country,
        "tariff": {
            "flag_minor": city.tariff.flag_minor,
            "per_km_minor": city.tariff.per_km_minor,
            "per_minute_minor": city.tariff.per_minute_minor,
            "minimum_minor": city.tariff.minimum_minor,
        },
        "ride_types": list(city.ride_types),
        "surge_cap": city.surge_cap,
        "sources": sorted(city.sources),
        "clock": None
        if clock.is_wall
        else {"wall_anchor_ms": clock.wall_anchor_ms, "city_anchor_ms": clock.city_anchor_ms, "speed": clock.speed},
    }
