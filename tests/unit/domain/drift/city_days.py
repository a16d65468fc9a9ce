"""Rows of a city as they come: hours and days share effects, features follow the clock, are skewed, and go missing."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np

from wayfare.domain.drift.columns import Reference, read_reference
from wayfare.domain.drift.monitor import Monitor
from wayfare.domain.drift.register import Key, Register
from wayfare.domain.models.reference import Outcomes, booked_columns, drift_reference, expected_level, of_weekend
from wayfare.domain.pricing.surge import LEVELS, decode

NAMES = ("distance", "wait", "cabs", "history", "leaf", "hour")
KINDS = ("number", "number", "number", "number", "leaf", "hour")


class City:
    """Draws rows bucket by bucket. hour_effect, day_effect: standard deviations of what the rows of an hour or day share."""

    def __init__(
        self, seed: int, rows_an_hour: float = 240.0, hour_effect: float = 0.15, day_effect: float = 0.1
    ) -> None:
        self.draw = np.random.default_rng(seed)
        self.rows_an_hour, self.hour_effect, self.day_effect = rows_an_hour, hour_effect, day_effect
        self.popularity = self.draw.dirichlet(np.full(60, 0.5))
        self._hour, self._day, self._at = self.draw.normal(size=4), self.draw.normal(size=4), -1

    def rows(self, bucket: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Features, at_least, multipliers and booked of one bucket. shift: of the waits, in their standard deviations."""
        if bucket // 12 != self._at:
            if bucket // 288 != self._at * 12 // 288:
                self._day = self.draw.normal(size=4)
            self._hour, self._at = self.draw.normal(size=4), bucket // 12
        hour = bucket // 12 % 24
        weekend = of_weekend(np.array(bucket // 288 % 7), np.array(hour))
        busy = 1.0 + np.sin((hour - 12) / 24 * 2 * np.pi) * (0.4 if weekend else 0.8)
        n = self.draw.poisson(self.rows_an_hour / 12 * busy)
        shared = self.hour_effect * self._hour + self.day_effect * self._day
        distance = self.draw.gamma(1.5, 3_000.0, n) * (1 + 0.2 * shared[0])
        wait = 200 + 80 * busy + 100 * (shared[1] + shift + self.draw.normal(size=n))
        cabs = self.draw.poisson(np.maximum(0.1, 30 * (2 - busy) + 6 * shared[2]), n).astype(float)
        history = np.where(self.draw.random(n) < 0.1, np.nan, self.draw.geometric(0.1, n))
        leaf = self.draw.choice(60, n, p=self.popularity).astype(float)
        push = 0.8 * busy - 1.0 + 0.3 * shared[3] + 0.5 * self.draw.normal(size=n)
        at_least = 1 / (1 + np.exp(4 * (np.array(LEVELS) - 1.3)[None, :] - 2 * push[:, None]))
        at_least[:, 0] = 1.0
        multiplier = np.array([decode(row) for row in at_least.tolist()])
        booked = (self.draw.random(n) < 0.7 - 0.2 * (multiplier - 1) + 0.02 * shared[0]).astype(float)
        values = np.column_stack([distance, wait, cabs, history, leaf, np.full(n, float(hour))])
        return values, at_least, multiplier, booked


def train(city: City, days: int, rows: int = 16_000) -> Reference:
    """The reference of so many days from bucket 0 on, from at most so many rows drawn from them."""
    held = [(bucket, *city.rows(bucket)) for bucket in range(days * 288)]
    at = np.concatenate([np.full(len(part[1]), part[0]) for part in held])
    chosen = np.sort(city.draw.permutation(len(at))[:rows])
    at = at[chosen]
    values, at_least, multiplier, booked = (np.concatenate([part[k] for part in held])[chosen] for k in (1, 2, 3, 4))
    hours, weekdays, dates = at // 12 % 24, at // 288 % 7, at // 288
    told = drift_reference(
        NAMES, [kind != "number" for kind in KINDS], values, hours, weekdays, dates, KINDS, at_least, multiplier,
        Outcomes(booked, multiplier, hours, weekdays, dates), slots=at,
    )  # fmt: skip
    return read_reference(json.dumps(told, allow_nan=False).encode())


def part_at(bucket: int) -> tuple[int, int]:
    return bucket // 288 % 7, bucket // 12 % 24


def registers(reference: Reference, bucket: int, rows: tuple[np.ndarray, ...]) -> tuple[Register, Register]:
    """What the log of one bucket comes to."""
    values, at_least, multiplier, booked = rows
    served = Register(Key("predictions", 0, "c", "m", 1, bucket), reference.served, reference.fingerprint)
    told = np.column_stack([values, expected_level(at_least), np.round(multiplier * 100)])
    served.fold(reference.served, told, int(0.005 * len(values)), bucket)
    outcomes = Register(Key("bookings", 0, "c", "", 0, bucket), reference.outcomes, reference.fingerprint)
    columns = booked_columns(booked, multiplier)
    outcomes.fold(reference.outcomes, np.column_stack([columns[name] for name in reference.outcomes.names]), 0, bucket)
    return served, outcomes


def live(monitor: Monitor, city: City, first: int, last: int, shift: float = 0.0) -> Iterator[tuple[int, object]]:
    """Let the monitor judge buckets; gives each new alarm with the bucket in which it came."""
    for bucket in range(first, last):
        for alarm in monitor.take(bucket, *registers(monitor.reference, bucket, city.rows(bucket, shift))):
            yield bucket, alarm
