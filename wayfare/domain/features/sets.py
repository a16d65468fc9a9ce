"""Which features each model uses, in the order of the network's input.

A feature whose meaning changes gets a new name: `definition_hash` of each is written into the artifact, and a front
end whose code differs refuses to serve it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from wayfare.domain.features import moment, places, rider, supply, trip, weather
from wayfare.domain.features.definition import definition_hash
from wayfare.domain.features.inputs import SurgeInputs
from wayfare.domain.geo.cover import kernel
from wayfare.domain.geo.quadtree import QuadTree
from wayfare.domain.geo.travel import TravelTable
from wayfare.domain.streams import window

Kind = Literal["number", "hour", "weekday", "leaf", "place_kind"]
"""How a network encodes a feature: standardised number, cyclic hour, or a category."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of a model.

    source: what a city must have for it (among `wayfare.domain.city.SOURCES`); None when every city can answer.
    relies_on: code that the function reaches through its inputs and that decides its value.
    """

    function: Callable[[SurgeInputs], float | None]
    kind: Kind = "number"
    source: str | None = None
    relies_on: tuple[Any, ...] = ()

    @property
    def name(self) -> str:
        """The function's name, which is the feature's name everywhere."""
        return self.function.__name__

    def hash(self) -> str:
        """Hash of everything in the domain that defines this feature."""
        return definition_hash(self.function, *self.relies_on)


_DISTANCE = (TravelTable.distance_m, TravelTable._at)

_WITHIN = (kernel, window.LiveWindow.within, window.ArchivedWindow.within, window._Frame.within)

SURGE: tuple[Feature, ...] = (
    Feature(trip.est_distance_m, relies_on=_DISTANCE),
    Feature(trip.est_duration_s, relies_on=(TravelTable.duration_s, *_DISTANCE)),
    Feature(trip.est_wait_s, relies_on=(TravelTable.wait_s, TravelTable._at)),
    Feature(places.pickup_leaf, "leaf", relies_on=(QuadTree.leaf,)),
    Feature(places.dropoff_leaf, "leaf", relies_on=(QuadTree.leaf,)),
    Feature(supply.cabs_available_5km, source="driver_pings", relies_on=_WITHIN),
    Feature(supply.cabs_dropping_off_5km, source="dropoffs", relies_on=_WITHIN),
    Feature(supply.requests_waiting_5km, source="waiting", relies_on=_WITHIN),
    Feature(moment.hour_local, "hour"),
    Feature(moment.weekday_local, "weekday"),
    Feature(rider.rider_bookings_30d, source="riders"),
    Feature(rider.rider_bookings_30d_at_1_0, source="riders"),
    Feature(rider.rider_bookings_30d_at_1_25, source="riders"),
    Feature(rider.rider_bookings_30d_at_1_5, source="riders"),
    Feature(rider.rider_bookings_30d_at_1_75, source="riders"),
    Feature(rider.rider_bookings_30d_at_2_0, source="riders"),
    Feature(rider.rider_bookings_30d_at_2_25, source="riders"),
    Feature(rider.rider_bookings_30d_at_2_5, source="riders"),
    Feature(rider.rider_pair_bookings_30d, source="riders"),
    Feature(rider.rider_history_days, source="riders"),
    Feature(places.pickup_place_kind, "place_kind", source="place_kinds"),
    Feature(weather.rain_mm, source="weather"),
    Feature(weather.temperature_c, source="weather"),
    Feature(weather.humidity, source="weather"),
    Feature(weather.wind_ms, source="weather"),
)
"""The features of the surge model."""


def vector(features: Sequence[Feature], inputs: SurgeInputs) -> list[float]:
    """The features of one trip in order; NaN where missing."""
    return [math.nan if (value := feature.function(inputs)) is None else float(value) for feature in features]
