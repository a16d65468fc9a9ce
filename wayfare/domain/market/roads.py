"""Distances along streets and speeds by hour.

Streets are longer than straight lines by a detour factor (about 1.3 in street grids), and speed follows the hour of
the day: free flow at night, slowest at the commuting peaks, slower in rain.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from wayfare.domain.market.draws import Float

DETOUR = 1.32
_ENDS_M = 150.0
_WEEKDAY_KMH = (38, 39, 40, 41, 41, 38, 32, 25, 21, 22, 24, 24, 23, 23, 23, 22, 20, 18, 20, 24, 27, 29, 32, 35)
_WEEKEND_KMH = (36, 36, 37, 40, 41, 41, 40, 37, 34, 31, 28, 26, 25, 24, 24, 24, 25, 25, 25, 26, 27, 28, 30, 33)
HIGHWAY_KMH = 45.0
"""Speed gained on long trips, which take the highway."""


def road_m(straight_m: npt.ArrayLike) -> Float:
    """Metres along streets for metres in a straight line."""
    return np.asarray(np.asarray(straight_m, np.float64) * DETOUR + _ENDS_M, np.float64)


def speed_ms(hour: npt.ArrayLike, weekday: npt.ArrayLike, wet: npt.ArrayLike = 0.0) -> Float:
    """Street speed in metres per second at local hours (with fractions) and weekdays; `wet` 0 to 1 slows by up to 15 %."""
    hours = np.asarray(hour, np.float64) % 24.0
    low = hours.astype(np.int64)
    part = hours - low
    weekend = np.asarray(weekday) >= 5
    table = np.array([_WEEKDAY_KMH, _WEEKEND_KMH], np.float64)[weekend.astype(np.int64)]
    rows = np.arange(table.shape[0]) if table.ndim == 2 else None
    at = table[rows, low] if rows is not None else table[low]
    after = table[rows, (low + 1) % 24] if rows is not None else table[(low + 1) % 24]
    kmh = at * (1.0 - part) + after * part
    return np.asarray(kmh / 3.6 * (1.0 - 0.15 * np.asarray(wet, np.float64)), np.float64)


def travel_s(road: float, street_ms: float) -> float:
    """Seconds for `road` metres: the first 5 km at street speed, the rest at least at highway speed."""
    rest = max(0.0, road - 5_000.0)
    return (road - rest) / street_ms + rest / max(street_ms, HIGHWAY_KMH / 3.6)
