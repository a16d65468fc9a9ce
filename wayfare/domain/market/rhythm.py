"""The rhythm of a week: when people travel and why, and what evening events add.

Time is cut into slots of ten minutes, numbered since the epoch. Requests of one purpose in one slot are Poisson with
a mean proportional to that purpose's curve at the slot's local hour and weekday: a non-homogeneous Poisson process
that is constant within a slot (Lewis, Shedler: Simulation of nonhomogeneous Poisson processes by thinning, Naval
Research Logistics Quarterly 26, 1979, states the process; here each slot's count is drawn whole). The small hours
belong to the night before them: 01:00 on Saturday has Friday's night life.
"""

from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from dataclasses import dataclass

import numpy as np

from wayfare.domain.city import City
from wayfare.domain.market.draws import Float, Int, key_of, uniform
from wayfare.domain.market.places import Places

SLOT_MS = 600_000
SLOTS_PER_DAY = 144
_NIGHT_ENDS = 5.0


@dataclass(frozen=True, slots=True)
class SlotTimes:
    """Local time of consecutive slots: hour of day (with fractions), weekday (0 = Monday) and date ordinal, the small hours counted to the evening before."""

    first_slot: int
    hour: Float
    weekday: Int
    evening: Int
    """Date ordinal of the day, or of the day before in the small hours."""


def slot_times(city: City, first_slot: int, slots: int) -> SlotTimes:
    """Local times at the middle of each slot."""
    zone = zoneinfo.ZoneInfo(city.time_zone)
    hours, weekdays, evenings = [], [], []
    for slot in range(first_slot, first_slot + slots):
        local = dt.datetime.fromtimestamp((slot + 0.5) * SLOT_MS / 1000.0, zone)
        hour = local.hour + local.minute / 60.0
        ordinal = local.toordinal() - (hour < _NIGHT_ENDS)
        hours.append(hour)
        weekdays.append((ordinal - 1) % 7)
        evenings.append(ordinal)
    return SlotTimes(first_slot, np.array(hours), np.array(weekdays, np.int64), np.array(evenings, np.int64))


@dataclass(frozen=True, slots=True)
class Purpose:
    """Why people ride: from one kind of place to another, at certain hours.

    origin, dropoff: `@home`, `@work`, `@pub` are the rider's own; a tuple of kinds is chosen by gravity from the other
    end. bumps: (hour, spread in hours, weight) of the daily curve. week: factor for Monday to Sunday. rain: relative
    rise of requests in pouring rain.
    """

    name: str
    share: float
    origin: str | tuple[str, ...]
    dropoff: str | tuple[str, ...]
    bumps: tuple[tuple[float, float, float], ...]
    week: tuple[float, ...]
    rain: float


_WORK = (1.0, 1.0, 1.05, 1.05, 0.95, 0.12, 0.08)
_OUT = (0.55, 0.6, 0.75, 0.95, 1.7, 1.9, 0.75)
_FREE = (0.85, 0.85, 0.85, 0.9, 1.0, 1.35, 1.25)
_EVEN = (1.0, 0.95, 0.95, 1.0, 1.1, 1.0, 1.05)
_OUTINGS = ("shop", "park", "other", "hospital", "school", "station")

PURPOSES = (
    Purpose("to work", 0.155, "@home", "@work", ((8.3, 0.9, 1.0), (9.6, 0.8, 0.3)), _WORK, 0.35),
    Purpose("from work", 0.145, "@work", "@home", ((17.8, 1.0, 1.0), (20.0, 1.5, 0.35)), _WORK, 0.35),
    Purpose("out", 0.105, "@home", "@pub", ((19.8, 1.3, 1.0), (22.0, 1.0, 0.35)), _OUT, 0.10),
    Purpose("home from a night out", 0.115, "@pub", "@home", ((22.8, 1.3, 0.6), (25.2, 1.1, 1.0)), _OUT, 0.25),
    Purpose("errand", 0.105, "@home", _OUTINGS, ((11.0, 2.2, 1.0), (15.0, 2.0, 0.8)), _FREE, 0.20),
    Purpose("home from an errand", 0.095, _OUTINGS, "@home", ((13.0, 2.2, 0.9), (17.0, 2.0, 1.0)), _FREE, 0.40),
    Purpose("to the airport", 0.035, "@home", ("airport",), ((5.8, 1.3, 1.0), (14.0, 3.0, 0.9)), _EVEN, 0.0),
    Purpose("from the airport", 0.035, ("airport",), "@home", ((11.0, 2.5, 0.7), (21.0, 2.0, 1.0)), _EVEN, 0.1),
    Purpose("guests leaving", 0.025, ("hotel",), ("airport",), ((6.5, 1.5, 1.0), (12.0, 2.5, 0.9)), _EVEN, 0.0),
    Purpose("guests arriving", 0.025, ("airport",), ("hotel",), ((12.0, 2.5, 0.8), (20.5, 2.2, 1.0)), _EVEN, 0.1),
    Purpose(
        "sights", 0.05, ("hotel",), ("other", "park", "shop", "pub"), ((11.5, 2.2, 1.0), (19.0, 1.5, 0.7)), _FREE, 0.2
    ),
    Purpose(
        "back from sights",
        0.04,
        ("other", "park", "shop", "pub"),
        ("hotel",),
        ((16.5, 2.0, 1.0), (22.5, 1.3, 0.8)),
        _FREE,
        0.4,
    ),
    Purpose("train to work", 0.035, ("station",), "@work", ((8.2, 0.7, 1.0),), _WORK, 0.5),
    Purpose("work to train", 0.03, "@work", ("station",), ((17.6, 0.8, 1.0),), _WORK, 0.5),
    Purpose("business", 0.05, "@work", ("office", "hotel"), ((11.5, 1.5, 1.0), (14.5, 1.5, 1.0)), _WORK, 0.2),
    Purpose(
        "service",
        0.012,
        "@home",
        ("temple",),
        ((9.6, 0.6, 1.0), (18.2, 0.6, 0.4)),
        (0.1, 0.1, 0.2, 0.2, 0.8, 1.4, 5.0),
        0.1,
    ),
    Purpose(
        "home from service",
        0.012,
        ("temple",),
        "@home",
        ((11.6, 0.5, 1.0), (19.7, 0.5, 0.4)),
        (0.1, 0.1, 0.2, 0.2, 0.8, 1.4, 5.0),
        0.3,
    ),
    Purpose("visit", 0.05, "@home", ("home",), ((12.5, 3.0, 0.7), (18.8, 2.0, 1.0)), _FREE, 0.1),
    Purpose("to an event", 0.0, "@home", ("arena",), (), (1.0,) * 7, 0.0),
    Purpose("home from an event", 0.0, ("arena",), "@home", (), (1.0,) * 7, 0.1),
)
"""The last two have no curve of their own: the calendar of events drives them."""

_NEVER_ZERO = 0.012
"""Share of a purpose's daily trips that falls in each hour whatever the hour."""


def curve(purpose: Purpose, hour: Float) -> Float:
    """Trips per hour of one purpose as a share of its day: bumps that wrap at midnight, plus a floor."""
    if not purpose.bumps:
        return np.zeros(hour.shape)
    total = sum(weight for _, _, weight in purpose.bumps)
    value = np.full(hour.shape, _NEVER_ZERO)
    for middle, spread, weight in purpose.bumps:
        away = (hour - middle + 12.0) % 24.0 - 12.0
        density = np.exp(-0.5 * (away / spread) ** 2) / (spread * math.sqrt(2.0 * math.pi))
        value = value + (1.0 - 24.0 * _NEVER_ZERO) * weight / total * density
    return value


def intensity(times: SlotTimes, wet: Float) -> Float:
    """Mean requests per slot of each purpose, [slots, purposes], for one request a day in all; events aside.

    wet: `weather.wetness` of each slot. That rain raises requests is measured by Brodeur and Nield (An empirical
    analysis of taxi, Lyft and Uber rides: Evidence from weather shocks in NYC, Journal of Economic Behavior and
    Organization 152, 2018); the sizes by purpose are the model's own.
    """
    columns = [
        purpose.share * curve(purpose, times.hour) * np.array(purpose.week)[times.weekday] * (1.0 + purpose.rain * wet)
        for purpose in PURPOSES
    ]
    return np.asarray(np.stack(columns, axis=1) * (SLOT_MS / 3_600_000.0), np.float64)


@dataclass(frozen=True, slots=True)
class Events:
    """Evening events by slot and arena, [slots, arenas]: requests per slot there and back, and a 0-1 mark of the hours around one."""

    there: Float
    back: Float
    around: Float


def events(seed: int, places: Places, times: SlotTimes) -> Events:
    """The calendar of events: on some evenings an arena fills by 19:30 and empties about 22:20.

    Which evenings, and how large, is a keyed draw per arena and date. No feature of any model sees the calendar: it
    is one of the causes of surge that a model can only see through its effects.
    """
    arenas = places.of_kind("arena")
    key = key_of(seed, "events")
    evening = times.evening[:, None]
    chance = np.array([0.22, 0.22, 0.25, 0.3, 0.5, 0.55, 0.25])[times.weekday][:, None] * np.minimum(
        places.weight[arenas], 1.0
    )
    shape = (len(times.hour), len(arenas))
    happens = uniform(key, evening * 100 + arenas[None, :], 0).reshape(shape) < chance
    crowd = (
        happens
        * (40.0 + 110.0 * uniform(key, evening * 100 + arenas[None, :], 1).reshape(shape))
        * places.weight[arenas]
    )
    hour = (times.hour + 24.0 * (times.hour < _NIGHT_ENDS))[:, None]

    def bump(middle: float, spread: float) -> Float:
        density = np.exp(-0.5 * ((hour - middle) / spread) ** 2) / (spread * math.sqrt(2.0 * math.pi))
        return np.asarray(density * (SLOT_MS / 3_600_000.0), np.float64)

    around = np.asarray(
        happens * np.maximum(np.exp(-0.5 * ((hour - 19.0) / 0.6) ** 2), np.exp(-0.5 * ((hour - 22.4) / 0.5) ** 2)),
        np.float64,
    )
    return Events(there=0.5 * crowd * bump(18.9, 0.45), back=crowd * bump(22.4, 0.3), around=around)
