"""The event log in Kafka: events packed per partition, acknowledged before anything is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.kafka_client import ARROW, JSON, Headers, Producer
from wayfare.domain.streams.events import Event
from wayfare.domain.streams.partition import partition_of, partitions_of

PACK_FROM = 8
"""From this many events of one partition on a packed record is smaller and faster than one JSON record each."""
PACK_ROWS = 10_000
"""Rows of one packed record: about 1 MB of pings, a quarter of what the brokers take."""

KIND_HEADER = "wayfare-kind"
SENDER_HEADER = "wayfare-sender"
TICK = b"tick"


class KafkaEventLog:
    """`EventLog` on Kafka. Thread-safe; connects at first use."""

    def __init__(self, options: Mapping[str, object], timeout_seconds: float = 5.0) -> None:
        self._producer = Producer(options, timeout_seconds)

    @property
    def problem(self) -> str | None:
        """Why the log cannot be written now, as far as is known."""
        return self._producer.problem

    def start(self) -> None:
        """Begin to connect without waiting for the first event."""
        self._producer.start()

    def append(self, topic: str, city: str, events: Sequence[Event], received_at_ms: int, sender: str = "") -> None:
        """Return once every event is acknowledged by the log; LogUnavailable when not all are known to be."""
        count = self._producer.partitions(topic)
        if len(events) == 1:
            groups = {partition_of(events[0].identity, count): list(events)}
        else:
            owners = partitions_of([event.identity for event in events], count)
            groups = {int(p): [events[i] for i in np.flatnonzero(owners == p).tolist()] for p in np.unique(owners)}
        futures = []
        for partition, group in groups.items():
            if len(group) < PACK_FROM:
                for event in group:
                    value = json_events.record_bytes(event, city, received_at_ms)
                    headers: Headers = [("content-type", JSON.encode()), (SENDER_HEADER, sender.encode())]
                    futures.append(self._producer.send(topic, value, event.identity.encode(), headers, partition))
            else:
                for at in range(0, len(group), PACK_ROWS):
                    value = arrow_events.pack(topic, city, group[at : at + PACK_ROWS], received_at_ms)
                    headers = [("content-type", ARROW.encode()), (SENDER_HEADER, sender.encode())]
                    futures.append(self._producer.send(topic, value, b"", headers, partition))
        self._producer.wait(futures)

    def tick(self, topic: str, received_at_ms: Mapping[str, int]) -> None:
        """Move time: one tick record to each partition of `topic`, with each city's clock in milliseconds."""
        headers: Headers = [("content-type", JSON.encode()), (KIND_HEADER, TICK)]
        value = json_events.tick_bytes(received_at_ms)
        self._producer.wait(
            [
                self._producer.send(topic, value, None, headers, partition)
                for partition in range(self._producer.partitions(topic))
            ]
        )

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Send what is queued and leave."""
        self._producer.close(timeout_seconds)
