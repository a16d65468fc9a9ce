"""Drivers and their shifts: exogenous, a pure function of the seed and the date.

What drivers do between trips (where they go to look for the next one) is decided in the market.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass

import numpy as np

from wayfare.domain.city import City
from wayfare.domain.market.draws import key_of, normal, uniform
from wayfare.domain.market.places import Places

DRIVERS = 330
_KINDS = (
    # share of drivers, start hour, spread, hours worked, chance to work on Monday to Sunday
    (0.38, 5.6, 1.0, 8.8, (0.88, 0.88, 0.88, 0.88, 0.88, 0.55, 0.45)),
    (0.14, 9.5, 1.2, 8.5, (0.70, 0.70, 0.70, 0.70, 0.75, 0.85, 0.80)),
    (0.27, 14.8, 1.0, 8.5, (0.80, 0.80, 0.80, 0.85, 0.90, 0.80, 0.70)),
    (0.21, 18.6, 1.0, 9.5, (0.60, 0.60, 0.65, 0.75, 0.98, 0.98, 0.60)),
)


@dataclass(frozen=True, slots=True)
class Shift:
    """One driver's working day. The shift ends when the driver is first free after `end_ms`."""

    driver: int
    start_ms: int
    end_ms: int
    lat: float
    lon: float


def driver_id(driver: int) -> str:
    """The id of a driver in events."""
    return f"d-{driver:04d}"


def shifts(seed: int, places: Places, first_ms: int, last_ms: int) -> list[Shift]:
    """The shifts that start in [first_ms, last_ms), in order of start."""
    city: City = places.city
    zone = zoneinfo.ZoneInfo(city.time_zone)
    people = np.arange(DRIVERS)
    key = key_of(seed, "shifts")
    share = np.cumsum([kind[0] for kind in _KINDS])
    kind_of = np.minimum(np.searchsorted(share, uniform(key_of(seed, "drivers"), people, 0)), len(_KINDS) - 1)
    homes = places.of_kind("home")
    home = homes[(uniform(key_of(seed, "drivers"), people, 1) * len(homes)).astype(np.int64)]
    lat, lon = places.scatter(
        home, uniform(key_of(seed, "drivers"), people, 2), uniform(key_of(seed, "drivers"), people, 3)
    )
    start = np.array([kind[1] for kind in _KINDS])[kind_of]
    spread = np.array([kind[2] for kind in _KINDS])[kind_of]
    length = np.array([kind[3] for kind in _KINDS])[kind_of]
    chance = np.array([kind[4] for kind in _KINDS])[kind_of]
    found = []
    day = city.local(first_ms).date() - dt.timedelta(days=1)
    while (midnight := round(dt.datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)) < last_ms:
        ordinal = day.toordinal()
        entity = people * 10_000_000 + ordinal
        works = uniform(key, entity, 0) < chance[:, day.weekday()]
        begins = midnight + ((start + spread * normal(key, entity, 1)) * 3_600_000).astype(np.int64)
        lasts = ((length + 1.2 * normal(key, entity, 2)).clip(4.0, 12.0) * 3_600_000).astype(np.int64)
        for driver in np.flatnonzero(works & (begins >= first_ms) & (begins < last_ms)).tolist():
            begin = int(begins[driver])
            found.append(Shift(driver, begin, begin + int(lasts[driver]), float(lat[driver]), float(lon[driver])))
        day += dt.timedelta(days=1)
    return sorted(found, key=lambda shift: (shift.start_ms, shift.driver))
