"""Events on their way: kept until acknowledged, sent again after any failure, counted exactly once.

Sending an event twice does no harm (`(driver_id, t)`, `(request_id, status)`, `trip_id` identify it), so an answer
that was lost is simply asked for again. One thread per topic; the queue of all topics is bounded.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.city_simulator.statistics import Statistics
from wayfare.runtime import logs, metrics

LONGEST_PAUSE_SECONDS = 5.0

Json = dict[str, Any]


TOPICS = ("driver-pings", "ride-requests", "trips", "weather")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a batch: taken whole (received_at), some refused for good (by place in it), or to be sent again.

    unexpected: what should not have happened, in words without ids, so that it can be counted.
    """

    received_at: str | None = None
    refused: Mapping[int, str] = field(default_factory=dict)
    problem: str = ""
    unexpected: str = ""


class Sender(Protocol):
    """Takes events where they go. timeout_seconds: longest wait for one answer."""

    timeout_seconds: float

    def most(self, topic: str) -> int:
        """Most events of a topic that one batch may hold."""

    def send(self, topic: str, batch: list[Json]) -> Answer:
        """Send a batch once."""


Acknowledged = Callable[[str, float, str], None]
"""Told (topic, monotonic seconds of the answer, `received_at`) of each acknowledged batch."""


class Delivery:
    """Sends events in the background; `put` never waits."""

    def __init__(self, sender: Sender, statistics: Statistics, most_pending: int, told: Acknowledged) -> None:
        self._sender = sender
        self._statistics = statistics
        self._most = most_pending
        self._told = told
        self._queues: dict[str, deque[Json]] = {topic: deque() for topic in TOPICS}
        self._changed = threading.Condition()
        self._in_flight = 0
        self._begun: set[str] = set()
        self._acknowledged: set[str] = set()
        self._closed = False
        self._problems: dict[str, str] = {"": "no event has been acknowledged yet"}
        self._threads = [
            threading.Thread(target=self._run, args=(topic,), name=f"send-{topic}", daemon=True) for topic in TOPICS
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
            self._begun.add(topic)
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
                thread.join(self._sender.timeout_seconds + 1.0)
        return self.pending()

    def wait_for_first(self, topic: str, timeout_seconds: float) -> bool:
        """Wait until something of the topic was acknowledged; True at once when nothing of it is to be sent."""
        with self._changed:
            return self._changed.wait_for(
                lambda: topic in self._acknowledged or topic not in self._begun, timeout_seconds
            )

    def sends(self, topic: str) -> bool:
        """Whether anything of the topic was to be sent so far."""
        return topic in self._begun

    def _run(self, topic: str) -> None:
        queue, most = self._queues[topic], self._sender.most(topic)
        while True:
            with self._changed:
                while not queue and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                batch = [queue.popleft() for _ in range(min(len(queue), most))]
                self._in_flight += len(batch)
            taken = len(batch)
            left = self._send(topic, batch)
            with self._changed:
                self._in_flight -= taken
                queue.extendleft(reversed(left))
                if not left:
                    self._acknowledged.add(topic)
                metrics.ACTOR_PENDING.set(self._pending())
                self._changed.notify_all()

    def _send(self, topic: str, batch: list[Json]) -> list[Json]:
        """Until every event of the batch is acknowledged or refused for good; returns those that a stop left over."""
        pause = 0.1
        while batch:
            answer = self._sender.send(topic, batch)
            if answer.unexpected:
                self._statistics.failed(answer.unexpected)
            if answer.received_at is not None:
                self._statistics.sent(topic, len(batch))
                self._problems.pop("", None)
                self._problems.pop(topic, None)
                self._told(topic, time.monotonic(), answer.received_at)
                return []
            if answer.refused:
                batch = self._without_refused(topic, batch, answer.refused)
                continue
            self._problems.pop("", None)
            self._problems[topic] = f"{topic} cannot be sent: {answer.problem}"
            self._statistics.retried()
            with self._changed:
                if self._closed:
                    return batch
                self._changed.wait_for(lambda: self._closed, pause)
            pause = min(pause * 2.0, LONGEST_PAUSE_SECONDS)
        return []

    def _without_refused(self, topic: str, batch: list[Json], refused: Mapping[int, str]) -> list[Json]:
        for place, detail in list(refused.items())[:5]:
            logs.logger().warning("an event is refused", topic=topic, place=place, detail=detail)
        self._statistics.failed(f"{topic} refused: {next(iter(refused.values()))}"[:300])
        self._statistics.lost(topic, "refused", len(refused))
        return [event for place, event in enumerate(batch) if place not in refused]
