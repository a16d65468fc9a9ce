"""Events on their way to events_api: kept until acknowledged, sent again after any failure, counted exactly once.

Sending an event twice does no harm (`(driver_id, t)`, `(request_id, status)`, `trip_id` identify it), so an answer
that was lost is simply asked for again. One thread per topic; the queue of all topics is bounded.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from services.city_simulator.api import Api
from services.city_simulator.statistics import Statistics
from wayfare.runtime import logs, metrics

MOST_AT_ONCE = 1_000
LONGEST_PAUSE_SECONDS = 5.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Route:
    """Where events of one topic go. many: the field of the body that holds a list of them; None: one event is one body."""

    topic: str
    path: str
    many: str | None


ROUTES = (
    Route("driver-pings", "/v1/driver-pings", "pings"),
    Route("ride-requests", "/v1/ride-requests", None),
    Route("trips", "/v1/trips", "trips"),
    Route("weather", "/v1/weather", "observations"),
)

Acknowledged = Callable[[str, float, str], None]
"""Told (topic, monotonic seconds of the answer, `received_at`) of each 202."""


class Delivery:
    """Sends events in the background; `put` never waits."""

    def __init__(self, api: Api, statistics: Statistics, most_pending: int, told: Acknowledged) -> None:
        self._api = api
        self._statistics = statistics
        self._most = most_pending
        self._told = told
        self._queues: dict[str, deque[Json]] = {route.topic: deque() for route in ROUTES}
        self._changed = threading.Condition()
        self._in_flight = 0
        self._closed = False
        self._problems: dict[str, str] = {"": "no event has been acknowledged yet"}
        self._threads = [
            threading.Thread(target=self._run, args=(route,), name=f"send-{route.topic}", daemon=True)
            for route in ROUTES
        ]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    @property
    def problem(self) -> str | None:
        """Why events cannot be sent now, as far as is known."""
        return next(iter(list(self._problems.values())), None)

    def put(self, topic: str, events: list[Json]) -> None:
        """Take events. When too many are pending the oldest pings are given up: newer ones tell the same and more."""
        if not events:
            return
        with self._changed:
            self._queues[topic].extend(events)
            pings = self._queues["driver-pings"]
            crowded = 0
            while self._pending() > self._most and pings:
                pings.popleft()
                crowded += 1
            if crowded:
                self._statistics.lost("driver-pings", "crowded_out", crowded)
            metrics.ACTOR_PENDING.set(self._pending())
            self._changed.notify_all()

    def pending(self) -> int:
        """Events taken and not yet acknowledged."""
        with self._changed:
            return self._pending()

    def _pending(self) -> int:
        return sum(map(len, self._queues.values())) + self._in_flight

    def close(self, timeout_seconds: float) -> int:
        """Send what is left, and stop; returns how many events are still pending when the time is over."""
        deadline = time.monotonic() + timeout_seconds
        with self._changed:
            while self._pending() and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                # An answer under way is waited for, so that what it acknowledges is counted.
                thread.join(self._api.timeout_seconds + 1.0)
        return self.pending()

    def _run(self, route: Route) -> None:
        queue = self._queues[route.topic]
        while True:
            with self._changed:
                while not queue and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                batch = [queue.popleft() for _ in range(min(len(queue), MOST_AT_ONCE if route.many else 1))]
                self._in_flight += len(batch)
            taken = len(batch)
            left = self._send(route, batch)
            with self._changed:
                self._in_flight -= taken
                queue.extendleft(reversed(left))
                metrics.ACTOR_PENDING.set(self._pending())
                self._changed.notify_all()

    def _send(self, route: Route, batch: list[Json]) -> list[Json]:
        """Until every event of the batch is acknowledged or refused for good; returns those that a stop left over."""
        pause = 0.1
        while batch:
            reason, answer = self._post(route, batch)
            if answer is not None and answer.status_code == 202:
                self._statistics.sent(route.topic, len(batch))
                self._problems.pop("", None)
                self._problems.pop(route.topic, None)
                self._told(route.topic, time.monotonic(), _received_at(answer))
                return []
            if answer is not None and answer.status_code == 422:
                batch = self._without_refused(route, batch, answer)
                continue
            self._problems.pop("", None)
            self._problems[route.topic] = f"events_api does not take {route.topic}: {reason}"
            self._statistics.retried()
            with self._changed:
                if self._closed:
                    return batch
                self._changed.wait_for(lambda: self._closed, pause)
            pause = min(pause * 2.0, LONGEST_PAUSE_SECONDS)
        return []

    def _post(self, route: Route, batch: list[Json]) -> tuple[str, httpx.Response | None]:
        body: Json = {route.many: batch} if route.many else batch[0]
        try:
            answer = self._api.post_event(route.path, body)
        except httpx.HTTPError as error:
            return f"{type(error).__name__} {error}", None
        if answer.status_code not in (202, 422, 503):
            self._statistics.failed(f"POST {route.path} answered {answer.status_code}")
        return f"status {answer.status_code}", answer

    def _without_refused(self, route: Route, batch: list[Json], answer: httpx.Response) -> list[Json]:
        """What is left of a batch of which events_api named the events that it will never take."""
        errors = _errors(answer)
        refused = {int(parts[2]) for pointer in errors if len(parts := pointer.split("/")) > 2 and parts[2].isdigit()}
        if not route.many or not refused & set(range(len(batch))):
            refused = set(range(len(batch)))
        for pointer, detail in list(errors.items())[:5]:
            logs.logger().warning("events_api refuses an event", topic=route.topic, pointer=pointer, detail=detail)
        self._statistics.failed(f"POST {route.path} answered 422: {next(iter(errors.values()), 'no reason')}"[:300])
        kept = [event for i, event in enumerate(batch) if i not in refused]
        self._statistics.lost(route.topic, "refused", len(batch) - len(kept))
        return kept


def _errors(answer: httpx.Response) -> dict[str, str]:
    try:
        return {row["pointer"]: row["detail"] for row in answer.json()["errors"]}
    except (ValueError, KeyError, TypeError):
        return {}


def _received_at(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["received_at"])
    except (ValueError, KeyError, TypeError):
        return ""
