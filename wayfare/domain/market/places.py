"""The places of the simulated city: where people live, work, go out and leave from, at San Francisco's coordinates.

Names and positions are those of well-known San Francisco places to within a few hundred metres; weights are the
model's own. A plane with its origin at the city's centre (equirectangular, metres) keeps the arithmetic of the
market cheap; within 20 km its distances are within 0.3 % of great-circle ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wayfare.domain.city import City
from wayfare.domain.errors import InvalidInput
from wayfare.domain.features.inputs import PLACE_KINDS
from wayfare.domain.geo.cells import EARTH_RADIUS_M, cell_of_point, center, morton, xy_of_point
from wayfare.domain.market.draws import Float, Int

GRAVITY_M = 2_600.0
"""Mean of the exponential deterrence in the gravity model, metres."""

# name, kind, latitude, longitude, weight among its kind, radius in metres
_TABLE: tuple[tuple[str, str, float, float, float, float], ...] = (
    ("Mission", "home", 37.7599, -122.4148, 1.5, 700),
    ("Noe Valley", "home", 37.7502, -122.4337, 0.9, 600),
    ("Castro", "home", 37.7609, -122.4350, 1.0, 500),
    ("Haight", "home", 37.7692, -122.4481, 0.9, 500),
    ("Inner Sunset", "home", 37.7625, -122.4660, 0.9, 600),
    ("Outer Sunset", "home", 37.7555, -122.4945, 0.8, 800),
    ("Inner Richmond", "home", 37.7805, -122.4640, 0.9, 600),
    ("Outer Richmond", "home", 37.7775, -122.4930, 0.7, 700),
    ("Marina", "home", 37.8015, -122.4370, 1.1, 500),
    ("Pacific Heights", "home", 37.7925, -122.4352, 1.0, 500),
    ("Russian Hill", "home", 37.8010, -122.4190, 0.9, 400),
    ("Nob Hill", "home", 37.7930, -122.4161, 0.9, 400),
    ("Western Addition", "home", 37.7810, -122.4320, 0.9, 500),
    ("Tenderloin", "home", 37.7840, -122.4140, 0.7, 350),
    ("Potrero Hill", "home", 37.7585, -122.4000, 0.7, 500),
    ("Bernal Heights", "home", 37.7410, -122.4160, 0.8, 600),
    ("Glen Park", "home", 37.7340, -122.4340, 0.6, 500),
    ("Excelsior", "home", 37.7240, -122.4270, 0.7, 700),
    ("Bayview", "home", 37.7310, -122.3910, 0.6, 700),
    ("Ingleside", "home", 37.7240, -122.4550, 0.5, 600),
    ("West Portal", "home", 37.7400, -122.4660, 0.5, 600),
    ("Parkside", "home", 37.7400, -122.4880, 0.5, 700),
    ("Mission Bay homes", "home", 37.7720, -122.3930, 0.7, 350),
    ("Financial District", "office", 37.7935, -122.3995, 2.6, 450),
    ("Embarcadero Center", "office", 37.7950, -122.3970, 1.3, 300),
    ("South of Market", "office", 37.7825, -122.4000, 2.0, 500),
    ("Mid-Market", "office", 37.7770, -122.4165, 1.2, 350),
    ("Mission Bay labs", "office", 37.7675, -122.3915, 0.9, 350),
    ("Presidio offices", "office", 37.7990, -122.4500, 0.3, 350),
    ("Dogpatch studios", "office", 37.7610, -122.3890, 0.4, 300),
    ("Valencia bars", "pub", 37.7640, -122.4215, 1.4, 300),
    ("North Beach", "pub", 37.7985, -122.4075, 1.2, 300),
    ("Polk bars", "pub", 37.7905, -122.4205, 0.9, 250),
    ("Castro bars", "pub", 37.7615, -122.4352, 0.9, 200),
    ("Folsom clubs", "pub", 37.7725, -122.4105, 1.1, 300),
    ("Union Street", "pub", 37.7975, -122.4330, 0.8, 250),
    ("Divisadero", "pub", 37.7750, -122.4378, 0.6, 250),
    ("Clement Street", "pub", 37.7828, -122.4650, 0.5, 250),
    ("Ballpark", "arena", 37.7786, -122.3893, 1.0, 200),
    ("Waterfront Arena", "arena", 37.7680, -122.3877, 1.0, 180),
    ("Civic auditorium", "arena", 37.7783, -122.4175, 0.5, 150),
    ("Cathedral Hill", "temple", 37.7842, -122.4255, 1.0, 180),
    ("Grace Cathedral", "temple", 37.7919, -122.4131, 0.7, 120),
    ("Mission Dolores", "temple", 37.7643, -122.4270, 0.7, 120),
    ("Sherith Israel", "temple", 37.7896, -122.4316, 0.5, 120),
    ("International Airport", "airport", 37.6189, -122.3840, 1.0, 500),
    ("Caltrain depot", "station", 37.7765, -122.3947, 1.2, 150),
    ("Transbay terminal", "station", 37.7897, -122.3966, 1.0, 150),
    ("Ferry Building", "station", 37.7955, -122.3937, 0.8, 150),
    ("Glen Park station", "station", 37.7331, -122.4337, 0.4, 120),
    ("Balboa Park station", "station", 37.7217, -122.4474, 0.4, 120),
    ("Union Square hotels", "hotel", 37.7880, -122.4085, 2.0, 300),
    ("Wharf hotels", "hotel", 37.8065, -122.4150, 1.1, 300),
    ("Moscone hotels", "hotel", 37.7845, -122.4035, 1.0, 250),
    ("Van Ness hotels", "hotel", 37.7870, -122.4225, 0.5, 250),
    ("Union Square", "shop", 37.7878, -122.4065, 1.6, 250),
    ("Stonestown", "shop", 37.7280, -122.4770, 0.7, 250),
    ("Hayes Valley", "shop", 37.7765, -122.4245, 0.6, 250),
    ("Chestnut Street", "shop", 37.8003, -122.4385, 0.6, 250),
    ("Japantown", "shop", 37.7852, -122.4300, 0.5, 200),
    ("Parnassus hospital", "hospital", 37.7631, -122.4578, 1.0, 200),
    ("General hospital", "hospital", 37.7557, -122.4048, 1.0, 200),
    ("Geary hospital", "hospital", 37.7826, -122.4425, 0.7, 180),
    ("State university", "school", 37.7219, -122.4782, 0.9, 300),
    ("City college", "school", 37.7258, -122.4512, 0.7, 250),
    ("Hilltop university", "school", 37.7766, -122.4507, 0.7, 220),
    ("Golden Gate Park", "park", 37.7694, -122.4760, 1.0, 500),
    ("Dolores Park", "park", 37.7596, -122.4269, 0.7, 180),
    ("Crissy Field", "park", 37.8035, -122.4600, 0.6, 300),
    ("Ocean Beach", "park", 37.7600, -122.5080, 0.4, 400),
    ("Pier 39", "other", 37.8085, -122.4098, 1.0, 200),
)


@dataclass(frozen=True)
class Places:
    """The city's places as columns, in one fixed order; `x`, `y` in metres east and north of the city's centre."""

    city: City
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    lat: Float
    lon: Float
    weight: Float
    radius_m: Float
    x: Float
    y: Float
    distance_m: Float
    """[n, n], straight lines in metres."""
    metres_per_degree: tuple[float, float]
    """Of latitude, of longitude."""

    def of_kind(self, *kinds: str) -> Int:
        """Indices of the places of these kinds."""
        return np.array([i for i, kind in enumerate(self.kinds) if kind in kinds], np.int64)

    def to_plane(self, lat: Float, lon: Float) -> tuple[Float, Float]:
        """Degrees to metres east and north of the centre."""
        per_lat, per_lon = self.metres_per_degree
        return (lon - self.city.center.lon) * per_lon, (lat - self.city.center.lat) * per_lat

    def to_degrees(self, x: Float, y: Float) -> tuple[Float, Float]:
        """The inverse of `to_plane`: latitude and longitude."""
        per_lat, per_lon = self.metres_per_degree
        return self.city.center.lat + y / per_lat, self.city.center.lon + x / per_lon

    def degrees_of(self, x: float, y: float) -> tuple[float, float]:
        """`to_degrees` of one point, to about a decimetre."""
        per_lat, per_lon = self.metres_per_degree
        return round(self.city.center.lat + y / per_lat, 6), round(self.city.center.lon + x / per_lon, 6)

    def gravity(self, *kinds: str) -> Float:
        """Cumulative choice of a partner place among `kinds`, given each place: [n, n], rows rise to 1.

        The gravity model with exponential deterrence, P(j | i) proportional to w_j exp(-d_ij / GRAVITY_M), which is
        Wilson's entropy-maximising form (A statistical theory of spatial distribution models, Transportation
        Research 1, 1967). Where a kind has a single place (the airport) it takes all.
        """
        chosen = np.isin(np.arange(len(self.kinds)), self.of_kind(*kinds))
        pull = np.where(chosen, self.weight, 0.0) * np.exp(-self.distance_m / GRAVITY_M)
        if not chosen.any():
            pull = self.weight * np.exp(-self.distance_m / GRAVITY_M)
        return np.asarray(np.cumsum(pull, axis=1) / pull.sum(axis=1, keepdims=True), np.float64)

    def scatter(self, place: Int, u_radius: Float, u_angle: Float) -> tuple[Float, Float]:
        """Points (lat, lon) uniform on each place's disc; one that would leave the city falls on the place's middle."""
        radius = self.radius_m[place] * np.sqrt(u_radius)
        per_lat, per_lon = self.metres_per_degree
        lat = self.lat[place] + radius * np.sin(2.0 * math.pi * u_angle) / per_lat
        lon = self.lon[place] + radius * np.cos(2.0 * math.pi * u_angle) / per_lon
        inside = self.city.holds_each(lat, lon)
        lat, lon = np.where(inside, lat, self.lat[place]), np.where(inside, lon, self.lon[place])
        return np.round(lat, 6), np.round(lon, 6)

    def place_kinds(self) -> dict[int, str]:
        """Level-16 cell to the kind of place there: the smallest place whose disc holds the middle of the cell or whose own middle the cell holds."""
        found: dict[int, tuple[float, str]] = {}
        for index, kind in enumerate(self.kinds):
            lat, lon, radius = float(self.lat[index]), float(self.lon[index]), float(self.radius_m[index])
            column, row = xy_of_point(lat, lon)
            own = cell_of_point(lat, lon)
            for dx in range(-4, 5):
                for dy in range(-4, 5):
                    cell = int(morton(column + dx, row + dy))
                    away = math.hypot(*_between(self.metres_per_degree, center(cell), (lat, lon)))
                    rank = radius if cell != own else radius / 10.0
                    if (cell == own or away <= radius) and rank < found.get(cell, (math.inf, ""))[0]:
                        found[cell] = (rank, kind)
        return {cell: kind for cell, (_, kind) in sorted(found.items())}


def _between(per_degree: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return (a[0] - b[0]) * per_degree[0], (a[1] - b[1]) * per_degree[1]


def places_of(city: City) -> Places:
    """The places that lie inside a city's boundary (a boundary without the airport is a city without one)."""
    rows = [row for row in _TABLE if city.holds(row[2], row[3])]
    if len(rows) < 10:
        raise InvalidInput(
            "the simulated city lies at San Francisco's coordinates and needs its places inside the boundary, "
            f"got {len(rows)} of {len(_TABLE)} inside that of {city.id!r}"
        )
    assert all(row[1] in PLACE_KINDS for row in rows)
    per_lat = math.pi / 180.0 * EARTH_RADIUS_M
    per_lon = per_lat * math.cos(math.radians(city.center.lat))
    lat, lon = np.array([row[2] for row in rows]), np.array([row[3] for row in rows])
    x, y = (lon - city.center.lon) * per_lon, (lat - city.center.lat) * per_lat
    return Places(
        city=city,
        names=tuple(row[0] for row in rows),
        kinds=tuple(row[1] for row in rows),
        lat=lat,
        lon=lon,
        weight=np.array([row[4] for row in rows]),
        radius_m=np.array([row[5] for row in rows], np.float64),
        x=x,
        y=y,
        distance_m=np.hypot(x[:, None] - x[None, :], y[:, None] - y[None, :]),
        metres_per_degree=(per_lat, per_lon),
    )
