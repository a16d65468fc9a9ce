"""What one seed makes of a city: the places, demand and supply that no price changes."""

from __future__ import annotations

from dataclasses import dataclass

from wayfare.domain.city import City
from wayfare.domain.market.places import Places, places_of
from wayfare.domain.market.riders import Riders

DEMAND_PER_TRIP = 1.14
"""Demand (the `requests_per_day` of `Riders`) for each trip that the historical rule lets happen, as measured over 8 weeks."""


@dataclass(frozen=True)
class World:
    """What one seed makes of a city: places, demand and supply that no price changes."""

    city: City
    seed: int
    places: Places
    riders: Riders


def world_of(city: City, seed: int, trips_per_day: float) -> World:
    """The world in which about `trips_per_day` trips a day are served under the historical rule."""
    places = places_of(city)
    return World(city, seed, places, Riders(seed, places, trips_per_day * DEMAND_PER_TRIP))
