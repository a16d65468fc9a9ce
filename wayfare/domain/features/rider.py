"""Features of the rider: bookings in the 30 days before the last daily batch, in training and in serving alike.

A rider who never booked has zeros; no rider at all (an anonymous quote, a city without rider ids) is missing.
`rider_history_days` says how many of the 30 days had data, so that a young city's counts can be read rightly.
"""

from __future__ import annotations

from wayfare.domain.features.inputs import PAIR_LEVEL, SurgeInputs
from wayfare.domain.geo.cells import cell_of_point


def pair_key(pickup_lat: float, pickup_lon: float, dropoff_lat: float, dropoff_lon: float) -> str:
    """The key of a pair of places in `RiderHistory.by_pair`: cells of PAIR_LEVEL, from and to."""
    start = cell_of_point(pickup_lat, pickup_lon, PAIR_LEVEL)
    return f"{start}-{cell_of_point(dropoff_lat, dropoff_lon, PAIR_LEVEL)}"


def _at(inputs: SurgeInputs, multiplier: float) -> float | None:
    return None if inputs.rider is None else inputs.rider.by_multiplier.get(multiplier, 0)


def rider_bookings_30d(inputs: SurgeInputs) -> float | None:
    """The rider's bookings in the 30 days before the last daily batch."""
    return None if inputs.rider is None else inputs.rider.bookings


def rider_bookings_30d_at_1_0(inputs: SurgeInputs) -> float | None:
    """The rider's bookings in 30 days at multiplier 1.0."""
    return _at(inputs, 1.0)


def rider_bookings_30d_at_1_25(inputs: SurgeInputs) -> float | None:
    """The rider's bookings in 30 days at multiplier 1.25."""
    return _at(inputs, 1.25)


def rider_bookings_30d_at_1_5(inputs: SurgeInputs) -> float | None:
    """The rider's bookings in 30 days at multiplier 1.5."""
    return _at(inputs, 1.5)


def rider_bookings_30d_at_1_75(inputs: SurgeInputs) -> float | None:
    """The rider's bookings in 30 days at multiplier 1.75."""
    return _at(inputs, 1.75)


def rider_bookings_30d_at_2_0(inputs: SurgeInputs) -> float | None:
    """The rider's bookings in 30 days at multiplier 2.0."""
    return _at(inputs, 2.0)


def rider_bookings_30d_at_2_25(inputs: SurgeInputs) -> float | None:
    """The rider's bookings in 30 days at multiplier 2.25."""
    return _at(inputs, 2.25)


def rider_bookings_30d_at_2_5(inputs: SurgeInputs) -> float | None:
    """The rider's bookings in 30 days at multiplier 2.5."""
    return _at(inputs, 2.5)


def rider_pair_bookings_30d(inputs: SurgeInputs) -> float | None:
    """The rider's bookings in 30 days from this pickup's cell to this drop-off's cell (level 15, about 1 km)."""
    if inputs.rider is None:
        return None
    pickup, dropoff = inputs.pickup, inputs.dropoff
    return inputs.rider.by_pair.get(pair_key(pickup.lat, pickup.lon, dropoff.lat, dropoff.lon), 0)


def rider_history_days(inputs: SurgeInputs) -> float | None:
    """How many of the 30 days before the last daily batch had data."""
    return None if inputs.rider is None else inputs.rider.days_seen
