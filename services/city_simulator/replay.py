"""A recording played at the city's clock, as the cabs' own apps would have sent it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from services.city_simulator import wire
from services.city_simulator.pacing import Asked
from services.city_simulator.recording import Recording
from services.city_simulator.statistics import Statistics
from wayfare.domain.city import City, Place
from wayfare.domain.times import format_rfc3339

LONGEST_RIDE_MS = 24 * 3_600_000
CABS_SEEN_MS = 5 * 60_000
NOBODY = "unknown"
"""The recording knows no riders, and a request must name one."""
_CHUNK_ROWS = 5_000


class Replay:
    """Sends the fixes later than the start, as the clock reaches them. One thread moves it."""

    def __init__(
        self,
        city: City,
        recording: Recording,
        put: Callable[[str, list[wire.Json]], None],
        statistics: Statistics,
        now_ms: int,
    ) -> None:
        self._city = city
        self._recording = recording
        self._put = put
        self._statistics = statistics
        self._next = recording.after(now_ms - 1)
        self._inside = city.holds_each(recording.lat, recording.lon)
        self._now_ms = now_ms
        rides = np.flatnonzero(recording.begins & (recording.other >= 0))
        rides = rides[self._inside[rides] & self._inside[recording.other[rides]]]
        self._rides: list[int] = rides.tolist()
        self._ride_ms = recording.t_ms[rides]
        self._ids = [f"cab-{name}" for name in recording.cabs]

    def move_to(self, now_ms: int) -> None:
        """Send what the recording holds up to `now_ms`."""
        self._now_ms = now_ms
        end = self._recording.after(now_ms)
        for first in range(self._next, end, _CHUNK_ROWS):
            self._send(first, min(first + _CHUNK_ROWS, end))
        self._next = max(self._next, end)

    def _send(self, first: int, end: int) -> None:
        r = self._recording
        part = slice(first, end)
        rows = zip(
            r.cab[part].tolist(),
            r.t_ms[part].tolist(),
            r.lat[part].tolist(),
            r.lon[part].tolist(),
            r.occupied[part].tolist(),
            strict=True,
        )
        pings = [
            wire.ping(self._ids[cab], t_ms, lat, lon, "on_trip" if occupied else "available")
            for cab, t_ms, lat, lon, occupied in rows
        ]
        self._put("driver-pings", pings)
        for row in (np.flatnonzero(r.begins[part] | r.ends[part]) + first).tolist():
            if r.begins[row]:
                self._begin_ride(row)
            else:
                self._end_ride(row)

    def _begin_ride(self, row: int) -> None:
        r = self._recording
        end = int(r.other[row])
        if end < 0:
            self._statistics.skipped("rides_whose_end_is_not_recorded")
            return
        if not (self._inside[row] and self._inside[end]):
            self._statistics.skipped("rides_out_of_city")
            return
        request, t_ms = self._request_id(row), int(r.t_ms[row])
        ends = self._place(row), self._place(end)
        self._put(
            "ride-requests",
            [
                wire.request_step(request, NOBODY, t_ms, "opened", ends),
                wire.request_step(request, NOBODY, t_ms, "matched"),
            ],
        )

    def _end_ride(self, row: int) -> None:
        r = self._recording
        start = int(r.other[row])
        if start < 0:
            self._statistics.skipped("rides_whose_start_is_not_recorded")
            return
        started_ms, ended_ms = int(r.t_ms[start]), int(r.t_ms[row])
        if ended_ms - started_ms > LONGEST_RIDE_MS:
            self._statistics.skipped("rides_longer_than_a_day")
            return
        if not self._inside[start]:
            self._statistics.skipped("trips_from_out_of_city")
            return
        trip = {
            "trip_id": f"t-{self._request_id(start)}",
            "driver_id": self._ids[int(r.cab[row])],
            "pickup": wire.place(*self._place(start)),
            "dropoff": wire.place(*self._place(row)),
            "started_at": format_rfc3339(started_ms),
            "ended_at": format_rfc3339(ended_ms),
        }
        self._put("trips", [trip])

    def _request_id(self, row: int) -> str:
        name, second = self._recording.cabs[int(self._recording.cab[row])], int(self._recording.t_ms[row]) // 1000
        return f"{self._city.id}-{name}-{second}"

    def _place(self, row: int) -> Place:
        return Place(float(self._recording.lat[row]), float(self._recording.lon[row]))

    def hear(self) -> None:
        """Nobody in a recording waits for an answer."""

    def cabs(self) -> int:
        """Cabs with a fix in the last five minutes of the recording's time."""
        r = self._recording
        return len(np.unique(r.cab[r.after(self._now_ms - CABS_SEEN_MS) : self._next]))

    def finished(self) -> bool:
        """True after the last fix."""
        return self._next >= len(self._recording.t_ms)

    def asked(self, number: int) -> Asked | None:
        """A real pickup near the present time, and where that ride went; None when the recording has no ride."""
        if not self._rides:
            return None
        now = int(np.searchsorted(self._ride_ms, self._now_ms))
        row = self._rides[(max(0, now - 500) + number * 37 % 500) % len(self._rides)]
        return self._place(row), self._place(int(self._recording.other[row])), None

    def probed(self) -> tuple[Place, Place]:
        """The first ride's ends, else the city's middle."""
        asked = self.asked(0)
        return asked[:2] if asked else (self._city.center, self._city.center)
