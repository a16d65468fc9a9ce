"""From checked bodies to the log: which city each event belongs to, whether its time can be, and the record of all.

All or nothing: nothing is appended until every event of a request has passed. Events go to the log by city, in the order
they came; when not all are known to be acknowledged the whole answer is 503, and sending again is harmless.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from wayfare.domain.city import Registry
from wayfare.domain.errors import LogUnavailable
from wayfare.domain.streams.events import TOO_FAR_AHEAD_MS, Event
from wayfare.domain.streams.log import EventLog
from wayfare.domain.streams.receiving import received_at
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.metrics import EVENTS_ACCEPTED, LOG_APPEND_SECONDS, LOG_FAILURES
from wayfare.runtime.web.problems import Trouble, invalid


class Placed(NamedTuple):
    """An event with the city it belongs to, where it stands in the body, and the times in it by field name."""

    event: Event
    city: str
    pointer: str
    times: Sequence[tuple[str, int | None]]


class Recorder:
    """Checks times against each city's clock, stamps `received_at`, and appends. `wall` gives wall milliseconds."""

    def __init__(self, log: EventLog, registry: Callable[[], Registry], wall: Callable[[], int]) -> None:
        self._log, self._wall = log, wall
        self.registry = registry

    def record(self, topic: str, placed: Sequence[Placed], sender: str) -> int:
        """Append all as sent by `sender` and return `received_at` of the first event's city; Refusal 422 or LogUnavailable otherwise."""
        registry, wall = self.registry(), self._wall()
        now = received_at(registry, wall)
        late = [
            Trouble(
                f"{one.pointer}/{field}",
                f"must be at most 5 minutes ahead of the city's clock, {format_rfc3339(now[one.city])}, "
                f"got {format_rfc3339(t)}",
            )
            for one in placed
            for field, t in one.times
            if t is not None and t - now[one.city] > TOO_FAR_AHEAD_MS
        ]
        if late:
            raise invalid(late[:100])
        by_city: dict[str, list[Event]] = {}
        for one in placed:
            by_city.setdefault(one.city, []).append(one.event)
        began = time.perf_counter()
        try:
            for city, events in by_city.items():
                self._log.append(topic, city, events, now[city], sender)
        except LogUnavailable:
            LOG_FAILURES.labels(topic).inc()
            raise
        LOG_APPEND_SECONDS.labels(topic).observe(time.perf_counter() - began)
        EVENTS_ACCEPTED.labels(topic).inc(len(placed))
        return now[placed[0].city]
