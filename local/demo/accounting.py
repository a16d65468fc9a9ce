"""The accounts of a run: every event acknowledged is in the log, and every row of the log was applied or rejected by rule.

Three counts that must agree, each from its own source: the sender's own tally of 202s; the rows that a reader of its own
finds in the log; the rows that ingest and the lander say they processed. Rows that others sent meanwhile, and rows sent
again because an acknowledgement was lost, are in the log and are processed too: they are told apart by their sender and
identity, and left out of all three.
"""

from __future__ import annotations

import pathlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import kafka

from local.demo import landed
from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.kafka_client import ARROW, header, offsets_of
from wayfare.adapters.kafka_events import KIND_HEADER, SENDER_HEADER, TICK
from wayfare.adapters.redis_window import PartitionStatus
from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams.generation import topic_of
from wayfare.domain.times import parse_rfc3339
from wayfare.inventory import LIVE_TOPICS

TOPICS = (*LIVE_TOPICS, "trips")

Offsets = dict[tuple[str, int], int]

_IDENTITY = {
    "driver-pings": ("driver_id", "t"),
    "ride-requests": ("request_id", "status"),
    "trips": ("trip_id",),
    "weather": ("lat", "lon", "t"),
}


@dataclass(slots=True)
class Recorded:
    """What a stretch of the log holds, ticks left out: rows in all, rows of other senders, rows sent again."""

    rows: dict[str, int] = field(default_factory=dict)
    foreign: dict[str, int] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)

    def own(self, topic: str) -> int:
        """Distinct rows of the sender in a topic."""
        return self.rows.get(topic, 0) - self.foreign.get(topic, 0) - self.repeated.get(topic, 0)


class LogReader:
    """Reads stretches of the topics of events, outside any consumer group."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = kafka.KafkaConsumer(
            bootstrap_servers=bootstrap.split(","), enable_auto_commit=False, max_poll_records=5000
        )

    def ends(self) -> Offsets:
        """The offset after the last record of every partition."""
        partitions = [
            kafka.TopicPartition(name, number)
            for name in sorted(self._consumer.topics())
            if topic_of(name) in TOPICS
            for number in sorted(self._consumer.partitions_for_topic(name) or ())
        ]
        return {
            (at.topic, at.partition): offset
            for at, offset in offsets_of(self._consumer.end_offsets, partitions).items()
        }

    def dead_letters(self, topic: str) -> int:
        """Records of a topic that were rejected as unreadable, ever."""
        place = kafka.TopicPartition(f"{topic}.dead-letter", 0)
        return offsets_of(self._consumer.end_offsets, [place])[place]

    def read(self, start: Offsets, end: Offsets, sender: str, timeout_seconds: float = 120.0) -> Recorded:
        """Count the rows between two sets of offsets; TimeoutError when the log does not give them."""
        found = Recorded()
        seen: dict[str, set[tuple[object, ...]]] = {topic: set() for topic in TOPICS}
        left = {place: offset for place, offset in end.items() if offset > start.get(place, 0)}
        self._consumer.assign([kafka.TopicPartition(*place) for place in left])
        for place in left:
            self._consumer.seek(kafka.TopicPartition(*place), start.get(place, 0))
        deadline = time.monotonic() + timeout_seconds
        while left:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the log did not give all its records in {timeout_seconds:g} s, got {left} left")
            for at, records in self._consumer.poll(timeout_ms=500).items():
                place = (at.topic, at.partition)
                for record in records:
                    if record.offset < end[place] and not header(record.headers, KIND_HEADER):
                        _count(found, seen, record, sender)
            for place in list(left):
                if self._consumer.position(kafka.TopicPartition(*place)) >= left[place]:
                    del left[place]
        return found

    def newest_tick(self, city: str, records_back: int = 500) -> int | None:
        """The newest time, in milliseconds of the city's clock, that a tick near the log's end tells."""
        ends = {
            place: offset for place, offset in self.ends().items() if topic_of(place[0]) == "driver-pings" and offset
        }
        self._consumer.assign([kafka.TopicPartition(*place) for place in ends])
        for place, offset in ends.items():
            self._consumer.seek(kafka.TopicPartition(*place), max(0, offset - records_back))
        newest: int | None = None
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for records in self._consumer.poll(timeout_ms=300).values():
                for record in records:
                    if header(record.headers, KIND_HEADER) == TICK.decode():
                        told = json_events.tick(record.value).received_at_ms.get(city)
                        newest = max(filter(None, (newest, told)), default=None)
            if all(self._consumer.position(kafka.TopicPartition(*place)) >= offset for place, offset in ends.items()):
                break
        return newest

    def close(self) -> None:
        """Leave the brokers."""
        self._consumer.close()


def _count(
    found: Recorded,
    seen: dict[str, set[tuple[object, ...]]],
    record: kafka.consumer.fetcher.ConsumerRecord,
    sender: str,
) -> None:
    topic = topic_of(record.topic)
    names = _IDENTITY[topic]
    try:
        if header(record.headers, "content-type") == ARROW:
            batch = arrow_events.unpack(topic, record.value)
            columns = [batch[name].cast("int64") if name == "t" else batch[name] for name in names]
            identities = list(zip(*(column.to_pylist() for column in columns), strict=True))
            senders = arrow_events.senders_of(record.value) or [header(record.headers, SENDER_HEADER)] * len(identities)
        else:
            raw = json_events.loads(record.value)
            identities = [tuple(parse_rfc3339(raw[name]) if name == "t" else raw[name] for name in names)]
            senders = [header(record.headers, SENDER_HEADER)]
    except (InvalidInput, KeyError):
        identities = [("unreadable", record.partition, record.offset)]
        senders = [header(record.headers, SENDER_HEADER)]
    found.rows[topic] = found.rows.get(topic, 0) + len(identities)
    for identity, sent_by in zip(identities, senders, strict=True):
        if sent_by != sender:
            found.foreign[topic] = found.foreign.get(topic, 0) + 1
            continue
        if identity in seen[topic]:
            found.repeated[topic] = found.repeated.get(topic, 0) + 1
        seen[topic].add(identity)


@dataclass(frozen=True, slots=True)
class Processed:
    """How far processing has come: rows ingest applied or rejected by topic, offsets covered, rows landed."""

    rows: Mapping[str, int]
    covered: Mapping[tuple[str, int], int]

    @classmethod
    def now(cls, statuses: Iterable[PartitionStatus], lake: pathlib.Path, rejected_trips: int) -> Processed:
        """From ingest's own account in Redis, partition by partition and city, and from the files of the lake."""
        rows: dict[str, int] = {"trips": rejected_trips}
        covered: dict[tuple[str, int], int] = {}
        for status in statuses:
            place = (status.topic, status.partition)
            topic = topic_of(status.topic)
            rows[topic] = rows.get(topic, 0) + status.applied + sum(status.rejected.values())
            covered[place] = max(covered.get(place, -1), status.covers_offset)
        for partition, (count, last) in landed.rows_and_last_offsets(lake, "trips").items():
            rows["trips"] = rows.get("trips", 0) + count
            covered["trips", partition] = last
        return cls(rows, covered)

    def reaches(self, end: Offsets, start: Offsets) -> bool:
        """True when everything recorded between two sets of offsets has been processed."""
        return all(
            self.covered.get(place, -1) >= offset - 1 for place, offset in end.items() if offset > start.get(place, 0)
        )
