"""Features of the weather: the newest observation at booking time; missing where the city sends none."""

from __future__ import annotations

from wayfare.domain.features.inputs import SurgeInputs


def rain_mm(inputs: SurgeInputs) -> float | None:
    """Rain in millimetres per hour."""
    return None if inputs.weather is None else inputs.weather.rain_mm


def temperature_c(inputs: SurgeInputs) -> float | None:
    """Temperature in degrees Celsius."""
    return None if inputs.weather is None else inputs.weather.temperature_c


def humidity(inputs: SurgeInputs) -> float | None:
    """Relative humidity, 0 to 1."""
    return None if inputs.weather is None else inputs.weather.humidity


def wind_ms(inputs: SurgeInputs) -> float | None:
    """Wind speed in metres per second."""
    return None if inputs.weather is None else inputs.weather.wind_ms
