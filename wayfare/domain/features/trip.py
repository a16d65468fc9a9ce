"""Features of the trip asked for: its estimated distance, duration and pickup wait.

Learned from history by cell and hour (`wayfare.domain.geo.travel`): the road taken is not known when a price is asked.
"""

from __future__ import annotations

from wayfare.domain.features.inputs import SurgeInputs


def est_distance_m(inputs: SurgeInputs) -> float | None:
    """Estimated length of the trip by road, in metres; never missing."""
    return inputs.travel.distance_m(inputs.pickup, inputs.dropoff, inputs.local_hour)


def est_duration_s(inputs: SurgeInputs) -> float | None:
    """Estimated time from pickup to drop-off, in seconds; never missing."""
    return inputs.travel.duration_s(inputs.pickup, inputs.dropoff, inputs.local_hour)


def est_wait_s(inputs: SurgeInputs) -> float | None:
    """Estimated time from booking to pickup, in seconds; never missing."""
    return inputs.travel.wait_s(inputs.pickup, inputs.local_hour)
