"""The event log in Kafka: events packed per partition of the newest generation, acknowledged before anything is answered."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.kafka_client import ARROW, JSON, Headers, Producer, trace_headers
from wayfare.adapters.kafka_gathering import Gathered, Gathering
from wayfare.adapters.kafka_generations import Generations
from wayfare.domain.streams.events import Event, Recorded
from wayfare.domain.streams.partition import partition_of, partitions_of
from wayfare.domain.streams.ping_batch import PingBatch

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
        mine = Gathered(topic, city, events, received_at_ms, sender, trace_headers())
        with self._gathering.taking_part():
            self._gathering.hand_on(mine)
            self._producer.wait(mine.futures)

    def _send(self, together: Sequence[Gathered]) -> None:
        """Records of what some callers gave: of one topic and partition together, in the order in which they came."""
        for topic in dict.fromkeys(one.topic for one in together):
            name = self._generations.newest(topic)
            count = self._producer.partitions(name)
            of_topic = [one for one in together if one.topic == topic]
            columns = [one for one in of_topic if isinstance(one.events, PingBatch)]
            self._send_rows(topic, name, count, [one for one in of_topic if one not in columns])
            if columns:
                self._send_columns(name, count, columns)

    def _send_rows(self, topic: str, name: str, count: int, together: Sequence[Gathered]) -> None:
        groups: dict[int, list[tuple[Recorded, Gathered]]] = {}
        for one in together:
            if len(one.events) == 1:
                owners = [partition_of(one.events[0].identity, count)]
            else:
                owners = partitions_of([event.identity for event in one.events], count).tolist()
            for event, owner in zip(one.events, owners, strict=True):
                groups.setdefault(owner, []).append((Recorded(event, one.city, one.received_at_ms), one))
        for partition, group in groups.items():
            if len(group) < PACK_FROM:
                for row, one in group:
                    self._send_alone(name, partition, row.event, one)
                continue
            for at in range(0, len(group), PACK_ROWS):
                rows, givers = zip(*group[at : at + PACK_ROWS], strict=True)
                self._send_packed(name, partition, arrow_events.batch_of(topic, rows), givers)

    def _send_columns(self, name: str, count: int, together: Sequence[Gathered]) -> None:
        """Pings of columns: one batch of all, sorted by partition, of which each record takes a slice."""
        parts = [(one.city, one.received_at_ms, one.events) for one in together if isinstance(one.events, PingBatch)]
        owners = partitions_of([identity for _city, _ms, pings in parts for identity in pings.ids], count)
        order = np.argsort(owners, kind="stable")
        batch = arrow_events.batch_of_pings(parts).take(pa.array(order))
        by_row = [one for one in together for _ in range(len(one.events))]
        givers = [by_row[row] for row in order.tolist()]
        edges = np.searchsorted(owners[order], np.arange(count + 1)).tolist()
        for partition, (start, stop) in enumerate(itertools.pairwise(edges)):
            if stop - start < PACK_FROM:
                events = arrow_events.events_of("driver-pings", batch.slice(start, stop - start))
                for (event, _city, _ms), one in zip(events, givers[start:stop], strict=True):
                    self._send_alone(name, partition, event, one)
                continue
            for at in range(start, stop, PACK_ROWS):
                end = min(at + PACK_ROWS, stop)
                self._send_packed(name, partition, batch.slice(at, end - at), givers[at:end])

    def _send_alone(self, name: str, partition: int, event: Event, giver: Gathered) -> None:
        value = json_events.record_bytes(event, giver.city, giver.received_at_ms)
        headers: Headers = [("content-type", JSON.encode()), (SENDER_HEADER, giver.sender.encode())]
        key = event.identity.encode()
        giver.futures.append(self._producer.send(name, value, key, headers, partition, giver.trace))

    def _send_packed(self, name: str, partition: int, batch: pa.RecordBatch, by_row: Sequence[Gathered]) -> None:
        givers = list(dict.fromkeys(by_row))
        headers: Headers = [("content-type", ARROW.encode())]
        senders = None
        if len({one.sender for one in givers}) == 1:
            headers.append((SENDER_HEADER, givers[0].sender.encode()))
        else:
            senders = [one.sender for one in by_row]
        traces = [header for one in givers for header in one.trace]
        future = self._producer.send(name, arrow_events.write(batch, senders), b"", headers, partition, traces)
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
