"""Events straight into Kafka, as events_api would record them, for volume: no HTTP, no checks, no token.

An event gets the city that holds its place and that city's clock; batches are packed per partition and acknowledged;
one tick a second moves time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.city_simulator.delivery import Answer, Json
from wayfare.adapters import json_events
from wayfare.adapters.kafka_events import KafkaEventLog
from wayfare.domain.city import Registry
from wayfare.domain.errors import InvalidInput, LogUnavailable
from wayfare.domain.streams.events import NO_CITY, DriverPing, Event, RideRequest, Trip
from wayfare.domain.streams.receiving import city_at, received_at
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.metrics import EVENTS_ACCEPTED, LOG_FAILURES
from wayfare.runtime.ticker import Ticker

MOST_AT_ONCE = 10_000


class IntoLog:
    """`Sender` to Kafka. city: whose requests these are when a step tells no place. sender: recorded beside the events."""

    def __init__(
        self,
        options: Mapping[str, object],
        registry: Callable[[], Registry],
        wall: Callable[[], int],
        city: str,
        sender: str,
        timeout_seconds: float,
    ) -> None:
        self._log = KafkaEventLog(options, timeout_seconds)
        self._registry, self._wall = registry, wall
        self._city, self._sender = city, sender
        self.ticker = Ticker(self._log, registry, wall)
        self.timeout_seconds = timeout_seconds

    def start(self) -> None:
        """Begin to tick."""
        self.ticker.start()

    def close(self) -> None:
        """Tick no more and leave."""
        self.ticker.stop()
        self._log.close()

    def most(self, topic: str) -> int:
        """Events of one append."""
        return MOST_AT_ONCE

    def send(self, topic: str, batch: list[Json]) -> Answer:
        """Append a batch, city by city in the order they came."""
        registry = self._registry()
        now = received_at(registry, self._wall())
        by_city: dict[str, list[Event]] = {}
        refused: dict[int, str] = {}
        for place, body in enumerate(batch):
            try:
                event = json_events.event(topic, body)
                by_city.setdefault(self._city_of(event, registry), []).append(event)
            except InvalidInput as error:
                refused[place] = str(error)
        if refused:
            return Answer(refused=refused)
        try:
            for city, events in by_city.items():
                self._log.append(topic, city, events, now[city], self._sender)
        except LogUnavailable as error:
            LOG_FAILURES.labels(topic).inc()
            return Answer(problem=str(error))
        EVENTS_ACCEPTED.labels(topic).inc(len(batch))
        return Answer(received_at=format_rfc3339(now[next(iter(by_city))]))

    def _city_of(self, event: Event, registry: Registry) -> str:
        if isinstance(event, DriverPing):
            city = city_at(registry, event.lat, event.lon)
            return city.id if city else NO_CITY
        if isinstance(event, RideRequest):
            return registry.at(*event.pickup).id if event.pickup else self._city
        return registry.at(*event.pickup).id if isinstance(event, Trip) else registry.at(event.lat, event.lon).id
