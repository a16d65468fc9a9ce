"""The historical pricing rule: how dispatchers set multipliers before any model did, and so the labels of the history.

    score = A ln((waiting + B recent + C) / (available + D dropping + 1)) + E
            + rain + hour + kind of place                  what a model can see
            + event + mood + noise                         what it cannot

and the multiplier is 1 plus the score rounded down to quarters, within 1.0 to 2.5. `waiting` are requests opened and
not yet ended, `recent` those opened over about the last ten minutes (decaying), `available` the free cabs and
`dropping` those about to drop off, all within 5 km of the pickup: the imbalance of a local market, which is what surge
answers to (Castillo, Knoepfle, Weyl: Surge pricing solves the wild goose chase, EC 2017). The calendar of events, the
dispatchers' mood (one hourly autoregressive series for the city) and each quote's own noise are known to nobody but
this rule, so no model can reach its labels entirely.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wayfare.domain.market.draws import autoregressive, key_of
from wayfare.domain.pricing.surge import LEVELS
from wayfare.domain.times import HOUR_MS

STEEPNESS = 0.46
RECENT_SHARE = 0.15
FLOOR = 0.4
DROPPING_SHARE = 0.5
INTERCEPT = 0.835
RAIN = 0.30
EVENT = 0.35
MOOD = 0.12
NOISE = 0.12

_KIND = {"airport": 0.10, "pub": 0.06, "arena": 0.10, "office": 0.02, "hotel": 0.02, "home": -0.03, "park": -0.04}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the market looks like around one request when it is priced. `wet`, `event`: 0 to 1. `hour`: local, 0 to 24."""

    waiting: float
    recent: float
    available: float
    dropping: float
    wet: float
    event: float
    hour: float
    weekday: int
    kind: str
    t_ms: int
    z: float


def _hour_effect(hour: float, weekday: int) -> float:
    """Dispatchers leaned towards surge late on Friday and Saturday nights and against it at midday."""
    late = 0.10 if (hour >= 22.0 or hour < 3.0) and weekday in (4, 5) else 0.0
    return late - (0.05 if 10.0 <= hour < 16.0 else 0.0)


class HistoricalRule:
    """The rule under one seed, from `first_ms` on for `hours` hours."""

    def __init__(self, seed: int, first_ms: int, hours: int) -> None:
        self._first_hour = first_ms // HOUR_MS
        series = autoregressive(key_of(seed, "mood"), self._first_hour, hours + 2, phi=0.85, memory=40)
        self._mood: list[float] = np.asarray(series).tolist()

    def score(self, seen: Conditions) -> float:
        """The surplus over 1.0 that the rule wants, before rounding; may be negative."""
        imbalance = (seen.waiting + RECENT_SHARE * seen.recent + FLOOR) / (
            seen.available + DROPPING_SHARE * seen.dropping + 1.0
        )
        mood = self._mood[min(max(seen.t_ms // HOUR_MS - self._first_hour, 0), len(self._mood) - 1)]
        visible = RAIN * seen.wet + _hour_effect(seen.hour, seen.weekday) + _KIND.get(seen.kind, 0.0)
        hidden = EVENT * seen.event + MOOD * mood + NOISE * seen.z
        return STEEPNESS * math.log(imbalance) + INTERCEPT + visible + hidden

    def multiplier(self, seen: Conditions) -> float:
        """The multiplier, one of the seven levels."""
        step = math.floor(self.score(seen) * 4.0)
        return LEVELS[min(max(step, 0), len(LEVELS) - 1)]
