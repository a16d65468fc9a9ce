"""What comes in: pings, requests, trips and weather, and what identifies each.

Times are integer milliseconds since the epoch on the city's clock (`wayfare.domain.times` has the wire form).
`received_at_ms` is stamped once, by events_api; everything live is computed from it, never from a consumer's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wayfare.domain.city import Place
from wayfare.domain.geo.cells import cell_of_point, quadkey

SCHEMA = 1
"""Number carried by every record in the log; a consumer ignores unknown fields within one number."""

NO_CITY = ""
"""The city of an event whose place no registered city holds: recorded, and counted as out of city."""

TOO_FAR_AHEAD_MS = 5 * 60_000
"""A phone's clock that nobody set is wrong by minutes, one that is set by seconds: beyond this the time means nothing."""
LATE_MS = 10 * 60_000
"""As long as flows look back: what comes later could change no price that is still asked for."""
SILENT_MS = 5 * 60_000
"""Longer than a tunnel, a garage or a lost network lasts, and five times the minute between two fixes of a slow tracker;
shorter than a cab that left without signing off may be offered to riders."""
REQUEST_EXPIRES_MS = 15 * 60_000
"""A rider who was matched with nobody for so long has left; apps that die never say `cancelled`."""

PING_STATUSES = ("available", "en_route", "on_trip", "offline")
REQUEST_STATUSES = ("opened", "matched", "cancelled", "expired")
TERMINAL_REQUEST_STATUSES = frozenset({"matched", "cancelled", "expired"})


@dataclass(frozen=True, slots=True)
class DriverPing:
    """Where a cab is and what it does; (driver_id, t_ms) makes it unique. `dropoff` only with `on_trip`."""

    driver_id: str
    t_ms: int
    lat: float
    lon: float
    status: str
    dropoff: Place | None = None

    @property
    def identity(self) -> str:
        """What the log partitions by."""
        return self.driver_id


@dataclass(frozen=True, slots=True)
class RideRequest:
    """One step in the life of a request; (request_id, status) makes it unique. Places only when `opened`."""

    request_id: str
    rider_id: str
    t_ms: int
    status: str
    pickup: Place | None = None
    dropoff: Place | None = None
    quote_id: str | None = None
    booking_id: str | None = None

    @property
    def identity(self) -> str:
        """What the log partitions by."""
        return self.request_id


@dataclass(frozen=True, slots=True)
class Trip:
    """A finished trip; trip_id makes it unique. Fares in minor units, distance in metres, wait in seconds.

    `price_source` tells who set the price (`rule`, `model:<name>:<version>`, `fallback`...): prices must not
    teach themselves.
    """

    trip_id: str
    pickup: Place
    dropoff: Place
    started_at_ms: int
    ended_at_ms: int
    rider_id: str | None = None
    driver_id: str | None = None
    quote_id: str | None = None
    booking_id: str | None = None
    booked_at_ms: int | None = None
    requested_at_ms: int | None = None
    distance_m: int | None = None
    wait_s: int | None = None
    ride_type: str | None = None
    surge_multiplier: float | None = None
    base_fare_minor: int | None = None
    total_fare_minor: int | None = None
    currency: str | None = None
    price_source: str | None = None

    @property
    def identity(self) -> str:
        """What the log partitions by."""
        return self.trip_id


@dataclass(frozen=True, slots=True)
class WeatherObservation:
    """Weather at a place; (cell, t_ms) makes it unique. Degrees Celsius, millimetres per hour, 0 to 1, m/s."""

    t_ms: int
    lat: float
    lon: float
    temperature_c: float
    rain_mm: float
    humidity: float
    wind_ms: float

    @property
    def identity(self) -> str:
        """What the log partitions by: the cell of the place."""
        return quadkey(cell_of_point(self.lat, self.lon))


Event = DriverPing | RideRequest | Trip | WeatherObservation


@dataclass(frozen=True, slots=True)
class Tick:
    """Time moving in one partition: each city's clock in milliseconds. Not an event: it counts as no row."""

    received_at_ms: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Seal:
    """The last word of a partition whose topic has a newer generation: time moves to each city's moment, and then no more.

    successor: the generation that goes on from here.
    """

    successor: str
    received_at_ms: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event as the log holds it."""

    event: Event
    city: str
    received_at_ms: int
