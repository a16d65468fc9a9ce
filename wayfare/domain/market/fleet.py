"""Where every cab is at any time and what it does: one leg each, a straight line from a place and time to another.

Columns are NumPy arrays over all drivers, in metres of the city's plane and milliseconds, so that "the nearest free
cab" is one vectorised expression. A cab is in exactly one state, and a leg begins where and when the one before ended.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from wayfare.domain.market.draws import Float

OFFLINE, AVAILABLE, EN_ROUTE, ON_TRIP = range(4)
STATUS = ("offline", "available", "en_route", "on_trip")
"""The status that a ping gives, by state."""

DROPPING_MS = 5 * 60_000
"""A cab on a trip with at most this much time left is about to drop off."""

_FAR = 1e18


class LegWatcher(Protocol):
    """Told of every leg when it ends."""

    def leg(self, cab: int, state: int, t0: int, t1: int, x0: float, y0: float, x1: float, y1: float) -> None:
        """The cab was in `state` from `t0` to `t1`, moving evenly from (x0, y0) to (x1, y1); ON_TRIP ends at the drop."""


class Fleet:
    """All cabs of a city; every cab starts offline."""

    def __init__(self, size: int, watcher: LegWatcher) -> None:
        self.size = size
        self._watcher = watcher
        self.state = [OFFLINE] * size
        self.leg_number = [0] * size
        """Rises with every leg, so that an appointment made for an earlier leg can be told."""
        self._until = [0] * size
        self._from_ms = [0] * size
        self._t0 = np.zeros(size)
        self._per_ms = np.zeros(size)
        self._x0, self._y0, self._dx, self._dy = (np.zeros(size) for _ in range(4))
        self._taken = np.full(size, _FAR)
        self._drops_at = np.full(size, np.inf)

    def position(self, cab: int, t_ms: int) -> tuple[float, float]:
        """Metres east and north of the centre at `t_ms`, within the present leg."""
        part = min(max((t_ms - self._from_ms[cab]) * float(self._per_ms[cab]), 0.0), 1.0)
        return (
            float(self._x0[cab]) + part * float(self._dx[cab]),
            float(self._y0[cab]) + part * float(self._dy[cab]),
        )

    def positions(self, t_ms: int) -> tuple[Float, Float]:
        """`position` of all cabs."""
        part = np.minimum((t_ms - self._t0) * self._per_ms, 1.0)
        return self._x0 + part * self._dx, self._y0 + part * self._dy

    def drop_of(self, cab: int) -> tuple[float, float]:
        """Where the present leg ends: the drop place of a cab on a trip."""
        return float(self._x0[cab] + self._dx[cab]), float(self._y0[cab] + self._dy[cab])

    def begin(self, cab: int, state: int, t_ms: int, until_ms: int, x0: float, y0: float, x1: float, y1: float) -> int:
        """End the present leg at `t_ms` and begin the next; returns its number."""
        self._tell_end(cab, t_ms)
        self.state[cab] = state
        self._from_ms[cab], self._until[cab] = t_ms, until_ms
        self._t0[cab] = t_ms
        self._per_ms[cab] = 1.0 / max(until_ms - t_ms, 1)
        self._x0[cab], self._y0[cab] = x0, y0
        self._dx[cab], self._dy[cab] = x1 - x0, y1 - y0
        self._taken[cab] = 0.0 if state == AVAILABLE else _FAR
        self._drops_at[cab] = until_ms if state == ON_TRIP else np.inf
        self.leg_number[cab] += 1
        return self.leg_number[cab]

    def finish(self, t_ms: int) -> None:
        """Tell the watcher of all legs under way, as if they ended now (at the end of a recording)."""
        for cab in range(self.size):
            self._tell_end(cab, t_ms)

    def _tell_end(self, cab: int, t_ms: int) -> None:
        if self.state[cab] != OFFLINE:
            x0, y0 = float(self._x0[cab]), float(self._y0[cab])
            if self.state[cab] == ON_TRIP:
                end, (x1, y1) = self._until[cab], self.drop_of(cab)
            else:
                end, (x1, y1) = t_ms, self.position(cab, t_ms)
            self._watcher.leg(cab, self.state[cab], self._from_ms[cab], end, x0, y0, x1, y1)

    def nearest(self, t_ms: int, x: float, y: float) -> tuple[int, float]:
        """The available cab nearest to a point and its straight distance in metres; (-1, inf) when none is free."""
        away = self._squared(t_ms, x, y)
        away += self._taken
        cab = int(away.argmin())
        squared = float(away[cab])
        return (cab, squared**0.5) if squared < _FAR else (-1, float("inf"))

    def around(self, t_ms: int, x: float, y: float, radius_m: float) -> tuple[int, int]:
        """Cabs available within a circle, and cabs on a trip that will drop off in it within `DROPPING_MS`."""
        square = radius_m * radius_m
        free = int(np.count_nonzero(self._squared(t_ms, x, y) + self._taken < square))
        soon = np.flatnonzero(self._drops_at <= t_ms + DROPPING_MS)
        east, north = self._x0[soon] + self._dx[soon] - x, self._y0[soon] + self._dy[soon] - y
        return free, int(np.count_nonzero(east * east + north * north < square))

    def _squared(self, t_ms: int, x: float, y: float) -> Float:
        part: Float = t_ms - self._t0
        part *= self._per_ms
        np.minimum(part, 1.0, out=part)
        east = part * self._dx
        east += self._x0
        east -= x
        part *= self._dy
        part += self._y0
        part -= y
        east *= east
        part *= part
        east += part
        return east

    def on_line(self) -> list[int]:
        """The cabs that are not offline."""
        return [cab for cab in range(self.size) if self.state[cab] != OFFLINE]
