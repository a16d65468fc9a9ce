"""Distance, duration and pickup wait learned from finished trips, by cell and hour with parent back-off.

Three ratios are learned, each as a ratio of sums, which is robust to short trips: road metres per straight metre,
seconds per road metre, and mean seconds of wait. A trip teaches the cells of both its ends the first two, and its
pickup's cell the third. A cell with fewer than `min_rows` trips in an hour answers as its parent (levels 14, 13, 12),
then as the city in that hour, then as the city. A city without any such history gets the last resort: the straight
line, `LAST_RESORT_MS` and `LAST_RESORT_WAIT_S`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wayfare.domain.city import Place
from wayfare.domain.geo import arrays
from wayfare.domain.geo.cells import cell_of_point, cells_of, distance_m, distance_m_point

SCHEMA = 1
LEVELS = (14, 13, 12)
"""Cells of about 1.9, 3.8 and 7.7 km in San Francisco."""
QUANTITIES = ("detour", "pace", "wait")
LAST_RESORT_MS = 6.0
"""Metres per second along the straight line where nothing was learned: city traffic, stops included."""
LAST_RESORT_WAIT_S = 300.0
CITY_LEVEL = 0
ANY_HOUR = 24

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TravelTable:
    """Learned ratios, ready for point queries of a few microseconds.

    A key is `cell << 10 | level << 5 | hour`, the city being cell 0 of CITY_LEVEL, and all hours ANY_HOUR.
    """

    detour: Mapping[int, float]
    pace: Mapping[int, float]
    wait: Mapping[int, float]

    def _at(self, table: Mapping[int, float], place: Place, hour: int, last_resort: float) -> float:
        cell = cell_of_point(place.lat, place.lon, LEVELS[0])
        for level in LEVELS:
            found = table.get((cell << 10) | (level << 5) | hour)
            if found is not None:
                return found
            cell >>= 2
        found = table.get(hour)
        return table.get(ANY_HOUR, last_resort) if found is None else found

    def distance_m(self, pickup: Place, dropoff: Place, hour: int) -> float:
        """Metres by road: the straight line times the mean detour of both ends."""
        straight = distance_m_point(pickup.lat, pickup.lon, dropoff.lat, dropoff.lon)
        detour = self.detour
        return straight * (self._at(detour, pickup, hour, 1.0) + self._at(detour, dropoff, hour, 1.0)) / 2.0

    def duration_s(self, pickup: Place, dropoff: Place, hour: int) -> float:
        """Seconds from pickup to drop-off: the estimated distance times the mean pace of both ends."""
        pace, slow = self.pace, 1.0 / LAST_RESORT_MS
        mean = (self._at(pace, pickup, hour, slow) + self._at(pace, dropoff, hour, slow)) / 2.0
        return self.distance_m(pickup, dropoff, hour) * mean

    def wait_s(self, pickup: Place, hour: int) -> float:
        """Seconds from booking to pickup."""
        return self._at(self.wait, pickup, hour, LAST_RESORT_WAIT_S)

    def to_npz(self) -> bytes:
        """The file `travel.npz` of an artifact."""
        held: dict[str, Int | Float] = {}
        for name in QUANTITIES:
            table: Mapping[int, float] = getattr(self, name)
            held[f"{name}_keys"] = np.array(sorted(table), np.int64)
            held[f"{name}_values"] = np.array([table[key] for key in sorted(table)], np.float64)
        return arrays.to_npz(SCHEMA, held)


def learn(
    pickup: tuple[npt.ArrayLike, npt.ArrayLike],
    dropoff: tuple[npt.ArrayLike, npt.ArrayLike],
    hour: npt.ArrayLike,
    distance: npt.ArrayLike,
    duration_s: npt.ArrayLike,
    wait_s: npt.ArrayLike,
    min_rows: int = 20,
) -> TravelTable:
    """Learn from finished trips: places as (lat, lon) in degrees, local hour, metres, seconds; NaN where not known.

    Trips whose distance is not known teach neither detour nor pace. Distances or durations of zero teach nothing.
    """
    (lat, lon), (lat2, lon2) = [(np.asarray(p[0], float), np.asarray(p[1], float)) for p in (pickup, dropoff)]
    hours = np.asarray(hour, np.int64)
    road, seconds, wait = (np.asarray(v, np.float64) for v in (distance, duration_s, wait_s))
    straight = distance_m(lat, lon, lat2, lon2)
    ends = cells_of(lat, lon, LEVELS[0]), cells_of(lat2, lon2, LEVELS[0])
    known = (road > 0) & (seconds > 0) & (straight > 0)
    both = tuple(np.concatenate([part[known], part[known]]) for part in (road, straight, seconds, hours))
    cells = np.concatenate([end[known] for end in ends])
    waited = wait >= 0
    return TravelTable(
        detour=_ratios(cells, both[3], both[0], both[1], min_rows),
        pace=_ratios(cells, both[3], both[2], both[0], min_rows),
        wait=_ratios(ends[0][waited], hours[waited], wait[waited], np.ones(int(waited.sum())), min_rows),
    )


def _ratios(cells: Int, hours: Int, above: Float, below: Float, min_rows: int) -> dict[int, float]:
    """sum(above) / sum(below) for each cell of each level and hour, and for the city, with at least `min_rows` rows."""
    table: dict[int, float] = {}
    groups = [(cells >> (2 * (LEVELS[0] - level)), hours, level) for level in LEVELS]
    nowhere = np.zeros_like(cells)
    groups += [(nowhere, hours, CITY_LEVEL), (nowhere, np.full_like(hours, ANY_HOUR), CITY_LEVEL)]
    for cell, hour, level in groups:
        keys, inverse, count = np.unique((cell << 10) | (level << 5) | hour, return_inverse=True, return_counts=True)
        ratio = np.bincount(inverse, above, len(keys)) / np.bincount(inverse, below, len(keys))
        enough = count >= (1 if level == CITY_LEVEL else min_rows)
        table.update(zip(keys[enough].tolist(), ratio[enough].tolist(), strict=True))
    return table


def from_npz(data: bytes) -> TravelTable:
    """The table in a `travel.npz`; ArtifactRefused unless it is one of this schema."""
    wanted = [f"{name}_{part}" for name in QUANTITIES for part in ("keys", "values")]
    found = arrays.from_npz("travel.npz", data, SCHEMA, wanted)
    return TravelTable(
        *(
            dict(zip(found[f"{name}_keys"].tolist(), found[f"{name}_values"].tolist(), strict=True))
            for name in QUANTITIES
        )
    )
