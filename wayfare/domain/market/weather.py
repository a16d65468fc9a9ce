"""Hourly weather of the simulated city: keyed autoregressive processes, the same for any hour asked in any order.

Each quantity rests on a latent AR(1) series over hours (`draws.autoregressive`). Rain falls in
the hours whose latent value passes a threshold, which gives wet spells as the two-state chain does in Richardson
(Stochastic simulation of daily precipitation, temperature, and solar radiation, Water Resources Research 17, 1981);
temperature and humidity depend on rain as there. The yearly and daily waves have San Francisco's mild size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wayfare.domain.market.draws import Float, autoregressive, key_of
from wayfare.domain.times import HOUR_MS

MEMORY = 84
_PHI = 0.93
_WET_ABOVE = 1.2
"""Latent value past which it rains: 11.5 % of all hours."""


@dataclass(frozen=True, slots=True)
class WeatherHours:
    """Weather of consecutive hours; row i holds from `first_hour + i` (hours since the epoch).

    Degrees Celsius, millimetres per hour, 0 to 1, metres per second.
    """

    first_hour: int
    temperature_c: Float
    rain_mm: Float
    humidity: Float
    wind_ms: Float

    def row(self, t_ms: int) -> int:
        """Index of the hour that holds `t_ms`."""
        return t_ms // HOUR_MS - self.first_hour


def _latent(seed: int, name: str, first_hour: int, hours: int) -> Float:
    return autoregressive(key_of(seed, f"weather:{name}"), first_hour, hours, _PHI, MEMORY)


def weather_hours(seed: int, longitude: float, first_hour: int, hours: int) -> WeatherHours:
    """The weather of `hours` hours from `first_hour`, at a longitude (which sets the phase of the day)."""
    at = np.arange(first_hour, first_hour + hours, dtype=np.float64)
    solar_hour = (at + longitude / 15.0) % 24.0
    year = (at / 24.0 / 365.25) % 1.0
    wet = _latent(seed, "rain", first_hour, hours) - _WET_ABOVE
    rain = np.where(wet > 0.0, np.round(0.2 + 5.0 * np.maximum(wet, 0.0) ** 1.3, 1), 0.0)
    daily = np.cos(2.0 * math.pi * (solar_hour - 15.0) / 24.0)
    yearly = np.cos(2.0 * math.pi * (year - 0.70))
    temperature = 14.0 + 2.5 * yearly + 3.0 * daily + 2.0 * _latent(seed, "temperature", first_hour, hours)
    temperature = temperature - 2.0 * (rain > 0.0)
    humidity = 0.70 - 0.10 * daily + 0.08 * _latent(seed, "humidity", first_hour, hours) + 0.15 * (rain > 0.0)
    wind = 4.0 * np.exp(0.4 * _latent(seed, "wind", first_hour, hours)) * (1.0 + 0.25 * daily)
    return WeatherHours(
        first_hour=first_hour,
        temperature_c=np.round(temperature, 1),
        rain_mm=rain,
        humidity=np.round(np.clip(humidity, 0.25, 1.0), 2),
        wind_ms=np.round(wind, 1),
    )


def wetness(rain_mm: npt.ArrayLike) -> Float:
    """How far rain changes behaviour, 0 (dry) to 1 (pouring): 1 - exp(-rain / 2 mm)."""
    return np.asarray(1.0 - np.exp(-np.asarray(rain_mm, np.float64) / 2.0), np.float64)
