"""The surge map: for every active cell the multiplier of its median trip now, computed once per city and tick.

A cell is active while a cab is available in it or a request waits there. One process at a time (the holder of a
lease) computes the map of a city; all others serve the same copy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

from wayfare.domain.errors import InvalidInput
from wayfare.domain.geo.cells import bounds, quadkey

SCHEMA = 1

Box = tuple[float, float, float, float]
"""West, south, east, north in degrees; west is greater than east where the box crosses the antimeridian."""


@dataclass(frozen=True, slots=True)
class MapCell:
    """One active cell (level 16). uncapped: the multiplier before caps. Counts are of the cell itself."""

    cell: int
    multiplier: float
    uncapped: float
    price_source: str
    cabs_available: int
    requests_waiting: int


@dataclass(frozen=True)
class SurgeMap:
    """A city's map. computed_at_ms is wall time; window_until_ms is the newest `received_at` known, on the city's clock."""

    city: str
    computed_at_ms: int
    window_until_ms: int | None
    cells: tuple[MapCell, ...]
    degraded: tuple[str, ...] = ()

    @cached_property
    def content(self) -> str:
        """A hash of what the map shows, whenever it was computed."""
        shown = [
            (cell.cell, cell.multiplier, cell.price_source, cell.cabs_available, cell.requests_waiting)
            for cell in self.cells
        ]
        return hashlib.sha256(json.dumps([self.city, shown, self.degraded]).encode()).hexdigest()[:16]


class SurgeMapStore(Protocol):
    """Where the map of each city is shared, and the lease to compute it. Methods raise StoreUnavailable."""

    def hold(self, city: str) -> bool:
        """Take or renew the lease of a city for this process; False while another process holds it."""

    def put(self, surge_map: SurgeMap) -> bool:
        """Share a map; False, and nothing changes, when this process no longer holds the lease."""

    def release(self, city: str) -> None:
        """Give the lease back if this process holds it."""


def to_json(surge_map: SurgeMap) -> dict[str, Any]:
    """The shared form: columns, because a map has hundreds of rows."""
    cells = surge_map.cells
    return {
        "schema": SCHEMA,
        "city": surge_map.city,
        "computed_at_ms": surge_map.computed_at_ms,
        "window_until_ms": surge_map.window_until_ms,
        "degraded": list(surge_map.degraded),
        "cell": [cell.cell for cell in cells],
        "multiplier": [cell.multiplier for cell in cells],
        "uncapped": [cell.uncapped for cell in cells],
        "price_source": [cell.price_source for cell in cells],
        "cabs_available": [cell.cabs_available for cell in cells],
        "requests_waiting": [cell.requests_waiting for cell in cells],
    }


def from_json(raw: dict[str, Any]) -> SurgeMap:
    """The map that `to_json` described; InvalidInput when it is not one of this schema."""
    try:
        if raw["schema"] != SCHEMA:
            raise InvalidInput(f"a surge map of schema {SCHEMA} is needed, got {raw['schema']!r}")
        names = ("cell", "multiplier", "uncapped", "price_source", "cabs_available", "requests_waiting")
        rows = zip(*(raw[name] for name in names), strict=True)
        return SurgeMap(
            raw["city"],
            raw["computed_at_ms"],
            raw["window_until_ms"],
            tuple(MapCell(*row) for row in rows),
            tuple(raw["degraded"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"not a surge map: {type(error).__name__} {error}, got {str(raw)[:120]}") from error


def parse_box(text: str) -> Box:
    """`west,south,east,north` in degrees; InvalidInput otherwise."""
    parts = text.split(",")
    try:
        west, south, east, north = (float(part) for part in parts)
    except ValueError as error:
        raise InvalidInput(f"must be west,south,east,north in degrees, got {text[:80]!r}") from error
    # `not <=` rather than `>` so that NaN is refused too.
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput(f"longitudes are -180 to 180, latitudes -90 to 90, south first, got {text[:80]!r}")
    return west, south, east, north


def overlaps(box: Box, other: Box) -> bool:
    """True when two boxes share a point; `other` does not cross the antimeridian."""
    west, south, east, north = box
    if other[3] < south or other[1] > north:
        return False
    if west > east:
        return other[2] >= west or other[0] <= east
    return other[2] >= west and other[0] <= east


@lru_cache(maxsize=65_536)
def cell_box(cell: int) -> Box:
    """`bounds` of a level-16 cell, remembered."""
    return bounds(cell)


@lru_cache(maxsize=65_536)
def _geometry(cell: int) -> dict[str, Any]:
    west, south, east, north = (round(value, 7) for value in cell_box(cell))
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def features(maps: Iterable[SurgeMap], box: Box | None) -> list[dict[str, Any]]:
    """GeoJSON features (RFC 7946) of the cells that touch a box; of all cells without one."""
    return [
        {
            "type": "Feature",
            "id": quadkey(cell.cell),
            "geometry": _geometry(cell.cell),
            "properties": {
                "cell": quadkey(cell.cell),
                "city": surge_map.city,
                "multiplier": cell.multiplier,
                "price_source": cell.price_source,
                "cabs_available": cell.cabs_available,
                "requests_waiting": cell.requests_waiting,
            },
        }
        for surge_map in maps
        for cell in surge_map.cells
        if box is None or overlaps(box, cell_box(cell.cell))
    ]
