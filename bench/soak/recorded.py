"""A recording of cabs written into the log at any speed, for a city of its own, over and over."""

from __future__ import annotations

import collections
import pathlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from services.city_simulator.recording import read
from wayfare.adapters.kafka_events import KafkaEventLog
from wayfare.domain.city import Place
from wayfare.domain.errors import LogUnavailable
from wayfare.domain.streams.events import DriverPing, Event, RideRequest
from wayfare.runtime.ticker import TICKED_TOPICS

STEP_MS = 60_000
MATCHED_AFTER_MS = 2 * STEP_MS
FILE = "sf_cab_gps_2008-05-20_2days.parquet"
AGAIN_SECONDS = 0.2


class RecordedLog:
    """One thread steps. written: rows acknowledged, or sent again when that was not known. city_ms: how far time is."""

    def __init__(self, options: Mapping[str, object], city: str, file: pathlib.Path) -> None:
        self._recording = read(file)
        self._log, self._city = KafkaEventLog(options), city
        self._ids = [f"cab-{name}" for name in self._recording.cabs]
        first, last = int(self._recording.t_ms[0]), int(self._recording.t_ms[-1])
        self._lap_ms = (last - first) // STEP_MS * STEP_MS + STEP_MS
        self._first_ms = first - first % STEP_MS
        self._laps, self._at_ms = 0, self._first_ms
        self._threads = ThreadPoolExecutor(len(TICKED_TOPICS))
        self._waiting: collections.deque[tuple[int, str]] = collections.deque()
        self.written = self.sent_again = 0

    @property
    def city_ms(self) -> int:
        """The city's time: laps follow each other."""
        return self._at_ms + self._laps * self._lap_ms

    def step(self, goes_on: Callable[[], bool] = lambda: True) -> None:
        """The next minute of the city: its fixes, the rides that begin in it, a tick to every partition."""
        r = self._recording
        part = slice(r.after(self._at_ms - 1), r.after(self._at_ms + STEP_MS - 1))
        shift = self._laps * self._lap_ms
        now = self.city_ms + STEP_MS - 1
        rows = zip(
            r.cab[part].tolist(), r.t_ms[part].tolist(), r.lat[part].tolist(), r.lon[part].tolist(),
            r.occupied[part].tolist(), strict=True,
        )  # fmt: skip
        pings = [
            DriverPing(self._ids[cab], t + shift, lat, lon, "on_trip" if taken else "available")
            for cab, t, lat, lon, taken in rows
        ]
        requests: list[Event] = []
        for row in (np.flatnonzero(r.begins[part] & (r.other[part] >= 0)) + part.start).tolist():
            t, name, end = int(r.t_ms[row]) + shift, f"{self._ids[r.cab[row]]}-{int(r.t_ms[row]) + shift}", r.other[row]
            ends = Place(float(r.lat[row]), float(r.lon[row])), Place(float(r.lat[end]), float(r.lon[end]))
            requests.append(RideRequest(name, "unknown", t, "opened", *ends))
            self._waiting.append((now + MATCHED_AFTER_MS, name))
        while self._waiting and self._waiting[0][0] <= now:
            requests.append(RideRequest(self._waiting.popleft()[1], "unknown", now, "matched"))
        batches: dict[str, list[Event]] = {"driver-pings": [*pings], "ride-requests": requests}
        for written in self._threads.map(lambda topic: self._write(topic, batches[topic], now, goes_on), TICKED_TOPICS):
            self.written += written
        self._at_ms += STEP_MS
        if self._at_ms >= self._first_ms + self._lap_ms:
            self._at_ms, self._laps = self._first_ms, self._laps + 1

    def _write(self, topic: str, events: list[Event], now: int, goes_on: Callable[[], bool]) -> int:
        if events:
            self._until_taken(lambda: self._log.append(topic, self._city, events, now), goes_on)
        self._until_taken(lambda: self._log.tick(topic, {self._city: now}), goes_on)
        return len(events)

    def _until_taken(self, append: Callable[[], None], goes_on: Callable[[], bool]) -> None:
        """As apps do: what is not known to be recorded is sent again, and may then be in the log twice."""
        while goes_on():
            try:
                append()
                return
            except LogUnavailable:
                self.sent_again += 1
                time.sleep(AGAIN_SECONDS)

    def close(self) -> None:
        self._threads.shutdown()
        self._log.close()
