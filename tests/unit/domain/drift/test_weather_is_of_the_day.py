"""What all rows of an hour have alike is judged by days: other weather is not drift, another unit is."""

from __future__ import annotations

import json

import numpy as np

from tests.unit.domain.drift.city_days import part_at
from wayfare.domain.drift.columns import Reference, read_reference
from wayfare.domain.drift.monitor import Monitor
from wayfare.domain.drift.register import Key, Register
from wayfare.domain.models.reference import drift_reference

NAMES = ("temperature", "wind", "distance")
DAYS = 6
FADES_HOURS = 30.0


class Sky:
    """Temperature and wind by hour: a daily curve, and fronts that take about a day to pass."""

    def __init__(self, seed: int) -> None:
        self.draw = np.random.default_rng(seed)
        self._front, self._of = self.draw.normal(size=2), -1

    def rows(self, bucket: int, fahrenheit: bool = False) -> np.ndarray:
        if bucket // 12 != self._of:
            kept = np.exp(-1.0 / FADES_HOURS)
            self._front = kept * self._front + np.sqrt(1 - kept**2) * self.draw.normal(size=2)
            self._of = bucket // 12
        curve = np.sin((bucket // 12 % 24 - 9) / 24 * 2 * np.pi)
        celsius = 15 + 4 * curve + 2.5 * self._front[0]
        told = [celsius * 9 / 5 + 32 if fahrenheit else celsius, 5 * np.exp(0.4 * self._front[1])]
        n = self.draw.poisson(12)
        return np.column_stack([np.tile(np.round(told, 1), (n, 1)), self.draw.gamma(2.0, 2_000.0, n)])


def train(sky: Sky) -> Reference:
    held = [(bucket, sky.rows(bucket)) for bucket in range(DAYS * 288)]
    at = np.concatenate([np.full(len(rows), bucket) for bucket, rows in held])
    values = np.concatenate([rows for _, rows in held])
    told = drift_reference(NAMES, [False] * 3, values, at // 12 % 24, at // 288 % 7, at // 288)
    return read_reference(json.dumps(told).encode())


def alarms(seed: int, days: float, fahrenheit: bool = False) -> list[str]:
    sky = Sky(seed)
    reference = train(sky)
    monitor, found = Monitor(reference, part_at), []
    for bucket in range(DAYS * 288, round((DAYS + days) * 288)):
        register = Register(Key("predictions", 0, "c", "m", 1, bucket), reference.served, reference.fingerprint)
        register.fold(reference.served, sky.rows(bucket, fahrenheit), 0, bucket)
        found += [alarm.feature for alarm in monitor.take(bucket, register, None)]
    return found


def test_a_reference_tells_weather_from_what_differs_row_by_row():
    reference = train(Sky(1))
    assert [column.shared for column in reference.served.columns] == [True, True, False]


def test_the_weather_of_other_days_is_not_drift():
    """Four cities for a week each, learned from six days: at most 4 alarms are expected by the bound."""
    found = [alarms(seed, 7) for seed in range(3, 7)]
    assert sum(map(len, found)) <= 4, found


def test_a_station_that_tells_fahrenheit_is_found_within_the_hour():
    assert "temperature" in alarms(3, 1 / 24, fahrenheit=True)
