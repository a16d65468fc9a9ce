"""Which recorded trips can be believed: the rules that an imported history must keep, over whole columns.

A row that breaks a rule is rejected with every rule it breaks; none is repaired and none is dropped silently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from wayfare.domain.city import City
from wayfare.domain.geo.cells import distance_m
from wayfare.domain.ids import is_id
from wayfare.domain.pricing.surge import LEVELS
from wayfare.domain.streams.events import TOO_FAR_AHEAD_MS
from wayfare.domain.times import DAY_MS, HOUR_MS

FIRST_MS = 946_684_800_000
"""2000-01-01: nobody recorded ride-hailing trips before."""
LONGEST_TRIP_MS = DAY_MS
LONGEST_WAIT_S = 6 * HOUR_MS // 1000
LONGEST_M = 500_000
LEAST_OF_STRAIGHT = 0.5
"""No road is shorter than the straight line; what is shorter than half of it was told in another unit."""
FASTEST_MS = 70.0
"""250 km/h along the straight line: faster is no cab."""
HIGHEST_FARE_MINOR = 10_000_000
REQUIRED = ("trip_id", "pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon", "started_at_ms", "ended_at_ms")
_IDS = ("trip_id", "rider_id", "driver_id", "quote_id", "booking_id")
_FARES = ("base_fare_minor", "total_fare_minor")

REASONS: Mapping[str, str] = {
    "missing": f"one of {', '.join(REQUIRED)} is missing",
    "id": "an id is not 1 to 64 of A-Z a-z 0-9 . _ : -",
    "place": "a place is 0,0 or no place on Earth",
    "out_of_city": "the pickup or the drop-off lies outside the city",
    "time": "a time lies before 2000 or in the future",
    "order": "the trip ended before it started, lasted more than a day, or was booked after it started",
    "distance": "the distance is negative, above 500 km, or shorter than half the straight line",
    "speed": "the straight line was covered at more than 250 km/h",
    "wait": "the wait is negative or above 6 hours",
    "multiplier": f"the multiplier is not one of {LEVELS}",
    "fare": "a fare is negative or absurdly high",
    "duplicate": "the trip_id came before in this file",
}
"""Every reason for rejecting a row, with its meaning."""

Bools = npt.NDArray[np.bool_]


def broken_rules(
    columns: Mapping[str, Sequence[object] | npt.NDArray[np.float64]], city: City, now_ms: int
) -> dict[str, Bools]:
    """For each reason, which rows break it.

    columns: those of the table `trips`; texts as sequences with None, numbers as float64 with NaN where null. Columns
    that are absent are null. now_ms: the newest moment that a trip may have ended, on the city's clock.
    """
    rows = len(columns["trip_id"])

    def number(name: str) -> npt.NDArray[np.float64]:
        return np.asarray(columns.get(name, np.full(rows, np.nan)), np.float64)

    ids = {name: list(columns.get(name, [None] * rows)) for name in _IDS}
    lat, lon, lat2, lon2 = (number(name) for name in ("pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon"))
    started, ended = number("started_at_ms"), number("ended_at_ms")
    booked, requested = number("booked_at_ms"), number("requested_at_ms")
    with np.errstate(invalid="ignore"):
        on_earth = _on_earth(lat, lon) & _on_earth(lat2, lon2)
        straight = np.where(on_earth, distance_m(lat, lon, lat2, lon2), np.nan)
        known_times = np.stack([started, ended, booked, requested])
        distance, wait, multiplier = number("distance_m"), number("wait_s"), number("surge_multiplier")
        fares = np.stack([number(name) for name in _FARES])
        missing = np.any([np.isnan(number(name)) for name in REQUIRED[1:]], axis=0)
        missing |= np.array([value is None or value == "" for value in ids["trip_id"]], bool)
        return {
            "missing": missing,
            "id": np.any(
                [[not (v is None or (isinstance(v, str) and is_id(v))) for v in ids[n]] for n in _IDS], axis=0
            ),
            "place": ~missing & ~on_earth,
            "out_of_city": on_earth & ~(_inside(city, lat, lon) & _inside(city, lat2, lon2)),
            "time": ((known_times < FIRST_MS) | (known_times > now_ms + TOO_FAR_AHEAD_MS)).any(axis=0),
            "order": (ended < started)
            | (ended - started > LONGEST_TRIP_MS)
            | (booked > started + TOO_FAR_AHEAD_MS)
            | (requested > started + TOO_FAR_AHEAD_MS),
            "distance": (distance < 0)
            | (distance > LONGEST_M)
            | ((distance > 0) & (distance < straight * LEAST_OF_STRAIGHT)),
            "speed": straight > FASTEST_MS * np.maximum(ended - started, 1000.0) / 1000.0,
            "wait": (wait < 0) | (wait > LONGEST_WAIT_S),
            "multiplier": ~np.isnan(multiplier) & ~np.isin(multiplier, LEVELS),
            "fare": ((fares < 0) | (fares > HIGHEST_FARE_MINOR)).any(axis=0),
            "duplicate": _repeated(ids["trip_id"]),
        }


def _on_earth(lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> Bools:
    # Within a hundred metres of 0,0 is what broken devices report; no city lies there.
    return (np.abs(lat) <= 90) & (np.abs(lon) <= 180) & ~((np.abs(lat) < 1e-3) & (np.abs(lon) < 1e-3))


def _inside(city: City, lat: npt.NDArray[np.float64], lon: npt.NDArray[np.float64]) -> Bools:
    """`City.holds` for columns."""
    inside = np.zeros(len(lat), bool)
    before = city.boundary[-1]
    for corner in city.boundary:
        if corner.lat != before.lat:
            crosses = (corner.lat > lat) != (before.lat > lat)
            edge = (before.lon - corner.lon) * (lat - corner.lat) / (before.lat - corner.lat) + corner.lon
            inside ^= crosses & (lon < edge)
        before = corner
    return inside


def _repeated(ids: Sequence[object]) -> Bools:
    seen: set[object] = set()
    found = np.zeros(len(ids), bool)
    for row, value in enumerate(ids):
        found[row] = value is not None and value in seen
        seen.add(value)
    return found
