"""A quiet month, minute by minute: the simulated city's rhythm of requests, and what goes wrong in any month.

Quotes follow the rhythm of the week that the simulator draws from; of them a share of 1 in 20,000 fails, and 3 in 1,000
are slow. Besides, each at a moment of its own: a release of every service once a week (each replica away for a minute),
a Redis that is restarted, ten seconds in which the model server does not answer, a driver's app that sends rubbish for
an hour, and records that cannot be read, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from local import cities
from tests.unit.monitoring.healthy import FAST, FRESH, Series, key, world
from wayfare.domain.market.rhythm import PURPOSES, slot_times

Float = npt.NDArray[np.float64]

DAYS = 30
MINUTES = DAYS * 1_440
WEEK = 7 * 1_440
BUSY_PER_SECOND = 30.0
"""Quotes of the busiest minute: a city of some size."""


def demand() -> Float:
    """Quotes per second of each minute, by the rhythm of the simulated city's week."""
    slots = slot_times(cities.load("sim"), 0, DAYS * 144)
    total = np.zeros(len(slots.hour))
    for purpose in PURPOSES:
        curve = np.zeros(len(slots.hour))
        for hour, spread, weight in purpose.bumps:
            away = np.abs(slots.hour - hour)
            curve += weight * np.exp(-0.5 * (np.minimum(away, 24 - away) / spread) ** 2)
        total += purpose.share * curve * np.array(purpose.week)[slots.weekday]
    return np.repeat(total / total.max(), 10) * BUSY_PER_SECOND


def written(values: Iterable[float]) -> str:
    """In promtool's notation, runs of equal values and of equal steps shortened to nothing: one number each."""
    return " ".join(f"{value:.10g}" for value in values)


def counted(per_minute: npt.NDArray[np.int64]) -> str:
    """A counter of so many events in each minute."""
    return written(np.cumsum(per_minute))


def series(seed: int) -> Series:
    """Every series of the month."""
    draw = np.random.default_rng(seed)
    quotes = draw.poisson(demand() * 60)
    failed = draw.binomial(quotes, 1 / 20_000)
    slow = draw.binomial(quotes, 3 / 1_000)
    age = 1.0 + draw.exponential(0.4, MINUTES)
    up = np.ones(MINUTES)
    degraded = np.zeros(MINUTES, np.int64)
    for week in range(MINUTES // WEEK):
        # A release: one replica after the other, each away for a minute, of which the others' quotes know nothing.
        release = week * WEEK + int(draw.integers(600, 900))
        up[release] = 0
        # Redis restarted: the window is a few seconds old, then there again.
        restart = week * WEEK + int(draw.integers(0, WEEK))
        age[restart] = 14.0
        # A model server that does not answer for ten seconds of a minute.
        away = week * WEEK + int(draw.integers(0, WEEK - 1))
        degraded[away] = quotes[away] // 6
    stale = np.where(age > 10.0, quotes // 6, 0)
    bookings = draw.binomial(quotes, 0.3)
    lost = draw.binomial(bookings, 1 / 50_000)
    pings = draw.poisson(np.full(MINUTES, 400.0 * 60))
    refused = draw.poisson(np.full(MINUTES, 2.0))
    rubbish = int(draw.integers(0, MINUTES - 60))
    refused[rubbish : rubbish + 60] += 24_000 // 100
    unread = (draw.random(MINUTES) < 1 / 3_000).astype(np.int64)
    made = {name: _steady(text) for name, text in world().items()}
    route = key('"POST /v1/quotes",status')
    booking, ping = key('"POST /v1/bookings",status'), key("driver-pings", "status")
    degradations = 'wayfare_degradations_total{service="pricing_api",instance="pricing_api-1",what="model"}'
    applied = key("ingest_events_applied")
    return made | {
        key("up{", '"lander"'): written(up),
        route: counted(quotes - failed),
        route.replace("201", "500"): counted(failed),
        booking: counted(bookings - lost),
        booking.replace("201", "503"): counted(lost),
        ping: counted(pings - refused),
        ping.replace("202", "422"): counted(refused),
        key("request_seconds_count"): counted(quotes),
        key("request_seconds_bucket", f'"{FAST}"'): counted(quotes - slow),
        key("request_seconds_bucket", "+Inf"): counted(quotes),
        key("wayfare_quotes_total"): counted(quotes - failed),
        key("quote_window_age_seconds_bucket", f'"{FRESH}"'): counted(quotes - failed - stale),
        key("quote_window_age_seconds_bucket", "+Inf"): counted(quotes - failed),
        key("wayfare_window_age_seconds{"): written(age),
        key("wayfare_bookings_total"): counted(bookings - lost),
        degradations: counted(degraded),
        applied: counted(pings),
        applied.replace("applied_total{", 'rejected_total{reason="unreadable",'): counted(unread),
        key("drift_evaluated"): f"0+60x{MINUTES}",
    }


def _steady(text: str) -> str:
    """What the healthy world says of a few hours, for the month."""
    head = text.rsplit("x", 1)[0]
    return f"{head}x{MINUTES}"
