"""Features of the moment: hour and weekday in the city's local time, daylight saving included."""

from __future__ import annotations

from wayfare.domain.features.inputs import SurgeInputs


def hour_local(inputs: SurgeInputs) -> float | None:
    """Hour of the booking in the city's local time, 0 to 23; never missing."""
    return inputs.local_hour


def weekday_local(inputs: SurgeInputs) -> float | None:
    """Weekday of the booking in the city's local time, 0 = Monday to 6; never missing."""
    return inputs.local_weekday
