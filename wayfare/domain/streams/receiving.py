"""What is stamped on an event when it is received: the city that holds its place, and the time on that city's clock."""

from __future__ import annotations

from wayfare.domain.city import City, Registry
from wayfare.domain.errors import OutOfCity
from wayfare.domain.streams.events import NO_CITY


def city_at(registry: Registry, lat: float, lon: float) -> City | None:
    """The city that holds a place, or None."""
    try:
        return registry.at(lat, lon)
    except OutOfCity:
        return None


def received_at(registry: Registry, wall_ms: int) -> dict[str, int]:
    """Each city's clock; an event of no city gets that of the only city there is, else wall time."""
    now = {city.id: city.clock.at(wall_ms) for city in registry}
    return now | {NO_CITY: next(iter(now.values())) if len(now) == 1 else wall_ms}
