"""The event log in Kafka: events packed per partition of the newest generation, acknowledged before anything is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.kafka_client import ARROW, JSON, Headers, Producer, trace_headers
from wayfare.adapters.kafka_gathering import Gathered, Gathering
from wayfare.adapters.kafka_generations import Generations
from wayfare.domain.streams.events import Event, Recorded
from wayfare.domain.streams.partition import partition_of, partitions_of

PACK_FROM = 8
"""From this many events of one partition on a packed record is smaller and faster than one JSON record each."""
PACK_ROWS = 10_000
"""Rows of one packed record: about 1 MB of pings, a quarter of what the brokers take."""

KIND_HEADER = "wayfare-kind"
SENDER_HEADER = "wayfare-sender"
"""Who sent all of a record's rows. A record packed from several senders has the column `arrow_events.SENDER` instead."""
TICK = b"tick"
SEAL = b"seal"


class KafkaEventLog:
    """`EventLog` on Kafka. Thread-safe; connects at first use.

    gather_seconds: for how long the events of callers who come at about the same time are gathered into common records.
    """

    def __init__(
        self, options: Mapping[str, object], timeout_seconds: float = 5.0, gather_seconds: float = 0.0
    ) -> None:
        self._producer = Producer(options, timeout_seconds)
        self._generations = Generations(options, timeout_seconds)
        self._gathering = Gathering(self._send, gather_seconds, timeout_seconds + gather_seconds)

    @property
    def problem(self) -> str | None:
        """Why the log cannot be written now, as far as is known."""
        return self._producer.problem or self._generations.problem

    def start(self) -> None:
        """Begin to connect without waiting for the first event."""
        self._producer.start()
        self._generations.start()

    def append(self, topic: str, city: str, events: Sequence[Event], received_at_ms: int, sender: str = "") -> None:
        """Return once every event is acknowledged by the log; LogUnavailable when not all are known to be."""
        mine = Gathered(topic, [Recorded(event, city, received_at_ms) for event in events], sender, trace_headers())
        with self._gathering.taking_part():
            self._gathering.hand_on(mine)
            self._producer.wait(mine.futures)

    def _send(self, together: Sequence[Gathered]) -> None:
        """Records of what some callers gave: of one topic and partition together, in the order in which they came."""
        groups: dict[tuple[str, int], list[tuple[Recorded, Gathered]]] = {}
        names = {topic: self._generations.newest(topic) for topic in {one.topic for one in together}}
        for one in together:
            count = self._producer.partitions(names[one.topic])
            if len(one.rows) == 1:
                owners = [partition_of(one.rows[0].event.identity, count)]
            else:
                owners = partitions_of([row.event.identity for row in one.rows], count).tolist()
            for row, owner in zip(one.rows, owners, strict=True):
                groups.setdefault((one.topic, owner), []).append((row, one))
        for (topic, partition), group in groups.items():
            if len(group) < PACK_FROM:
                for row, one in group:
                    value = json_events.record_bytes(row.event, row.city, row.received_at_ms)
                    headers: Headers = [("content-type", JSON.encode()), (SENDER_HEADER, one.sender.encode())]
                    key = row.event.identity.encode()
                    one.futures.append(self._producer.send(names[topic], value, key, headers, partition, one.trace))
                continue
            for at in range(0, len(group), PACK_ROWS):
                self._send_packed(topic, names[topic], partition, group[at : at + PACK_ROWS])

    def _send_packed(self, topic: str, name: str, partition: int, group: Sequence[tuple[Recorded, Gathered]]) -> None:
        givers = list(dict.fromkeys(one for _row, one in group))
        headers: Headers = [("content-type", ARROW.encode())]
        senders = None
        if len({one.sender for one in givers}) == 1:
            headers.append((SENDER_HEADER, givers[0].sender.encode()))
        else:
            senders = [one.sender for _row, one in group]
        value = arrow_events.pack_rows(topic, [row for row, _one in group], senders)
        traces = [header for one in givers for header in one.trace]
        future = self._producer.send(name, value, b"", headers, partition, traces)
        for one in givers:
            one.futures.append(future)

    def tick(self, topic: str, received_at_ms: Mapping[str, int]) -> None:
        """Move time: one tick record to each partition of `topic`, with each city's clock in milliseconds."""
        headers: Headers = [("content-type", JSON.encode()), (KIND_HEADER, TICK)]
        value = json_events.tick_bytes(received_at_ms)
        name = self._generations.newest(topic)
        self._producer.wait(
            [
                self._producer.send(name, value, None, headers, partition)
                for partition in range(self._producer.partitions(name))
            ]
        )

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Send what is queued and leave."""
        self._generations.close()
        self._producer.close(timeout_seconds)
