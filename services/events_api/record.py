"""From checked bodies to the log: which city each event belongs to, whether its time can be, and the record of all.

All or nothing: nothing is appended until every event of a request has passed. Events go to the log by city, in the order
they came; when not all are known to be acknowledged the whole answer is 503, and sending again is harmless.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from wayfare.domain.city import Registry
from wayfare.domain.errors import LogUnavailable
from wayfare.domain.streams.events import TOO_FAR_AHEAD_MS, Event
from wayfare.domain.streams.log import EventLog
from wayfare.domain.streams.ping_batch import PingBatch
from wayfare.domain.streams.receiving import received_at
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.metrics import EVENTS_ACCEPTED, LOG_APPEND_SECONDS, LOG_FAILURES
from wayfare.runtime.web.problems import Trouble, invalid


class Events(NamedTuple):
    """Events of one request in the order of its body: the city of each, and the times in it by field name.

    pointer: where in the body they stand in a list; empty where the body is the only one.
    """

    events: Sequence[Event]
    cities: Sequence[str]
    times: Mapping[str, Sequence[int | None]]
    pointer: str

    def of_city(self, city: str) -> Sequence[Event]:
        """Those of one city."""
        if all(one == city for one in self.cities):
            return self.events
        rows = [row for row, one in enumerate(self.cities) if one == city]
        if isinstance(self.events, PingBatch):
            return self.events.take(rows)
        return [self.events[row] for row in rows]


class Recorder:
    """Checks times against each city's clock, stamps `received_at`, and appends. `wall` gives wall milliseconds."""

    def __init__(self, log: EventLog, registry: Callable[[], Registry], wall: Callable[[], int]) -> None:
        self._log, self._wall = log, wall
        self.registry = registry

    def record(self, topic: str, given: Events, sender: str) -> int:
        """Append all as sent by `sender` and return `received_at` of the first event's city; Refusal 422 or LogUnavailable otherwise."""
        registry, wall = self.registry(), self._wall()
        now = received_at(registry, wall)
        late = _too_far_ahead(given, now)
        if late:
            raise invalid(late[:100])
        began = time.perf_counter()
        try:
            for city in dict.fromkeys(given.cities):
                self._log.append(topic, city, given.of_city(city), now[city], sender)
        except LogUnavailable:
            LOG_FAILURES.labels(topic).inc()
            raise
        LOG_APPEND_SECONDS.labels(topic).observe(time.perf_counter() - began)
        EVENTS_ACCEPTED.labels(topic).inc(len(given.events))
        return now[given.cities[0]]


def _too_far_ahead(given: Events, now: Mapping[str, int]) -> list[Trouble]:
    latest = {city: now[city] + TOO_FAR_AHEAD_MS for city in set(given.cities)}
    if all(max(filter(None, times), default=0) <= min(latest.values()) for times in given.times.values()):
        return []
    rows = zip(given.cities, *given.times.values(), strict=True)
    return [
        Trouble(
            f"{given.pointer}/{row}/{field}" if given.pointer else f"/{field}",
            f"must be at most 5 minutes ahead of the city's clock, {format_rfc3339(now[city])}, got {format_rfc3339(t)}",
        )
        for row, (city, *times) in enumerate(rows)
        for field, t in zip(given.times, times, strict=True)
        if t is not None and t > latest[city]
    ]
