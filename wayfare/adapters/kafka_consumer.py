"""Reading whole topics from start to end, and dead letters; members of a group are in `kafka_group`."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import kafka
import kafka.errors
from kafka.structs import TopicPartition

from wayfare.adapters import arrow_events, json_events, kafka_unpacking
from wayfare.adapters.kafka_client import (
    ARROW,
    MAX_RECORD_BYTES,
    Headers,
    Producer,
    check_reachable,
    header,
    offsets_of,
)
from wayfare.adapters.kafka_events import KIND_HEADER, SEAL, TICK
from wayfare.adapters.kafka_sockets import first_contact
from wayfare.domain.errors import InvalidInput, LogUnavailable
from wayfare.domain.streams.generation import topic_of

REASON_HEADER, ERROR_HEADER = "wayfare-reason", "wayfare-error"
OFFSET_HEADER, PARTITION_HEADER = "wayfare-offset", "wayfare-partition"
CUT_HEADER = "wayfare-cut-from-bytes"
TOPIC_HEADER = "wayfare-topic"
"""The generation of the topic that a dead letter comes from."""
_QUIET_SECONDS = 10.0
_MOST_VALUE, _MOST_BESIDE = MAX_RECORD_BYTES - 65_536, 16_384
"""Most bytes of a dead letter's value, and of its key and of its headers each: with the reason all of it can be sent."""


def read_partitions(
    options: Mapping[str, object], topic: str, from_end: int | None = None, first: Mapping[int, int] | None = None
) -> Iterator[Any]:
    """Records of a topic from its start, or the newest `from_end` of each partition, up to its end as of now.

    first: the first offset that is wanted of some partitions.
    """
    try:
        check_reachable(options)
        kafka_unpacking.bound()
        consumer = first_contact(
            kafka.KafkaConsumer,
            **options,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            allow_auto_create_topics=False,
            max_partition_fetch_bytes=8 * 1024 * 1024,
            bootstrap_timeout_ms=5_000,
        )
    except (kafka.errors.KafkaError, OSError) as error:
        raise LogUnavailable(f"no Kafka broker answers: {error}, got {type(error).__name__}") from error
    try:
        found = consumer.partitions_for_topic(topic)
        if not found:
            raise LogUnavailable(f"the topic does not exist yet, got {topic!r}")
        parts = [TopicPartition(topic, number) for number in sorted(found)]
        starts, ends = offsets_of(consumer.beginning_offsets, parts), offsets_of(consumer.end_offsets, parts)
        consumer.assign(parts)
        for part in parts:
            least = (first or {}).get(part.partition, 0) if from_end is None else ends[part] - from_end
            consumer.seek(part, min(max(starts[part], least), ends[part]))
        left = {part for part in parts if consumer.position(part) < ends[part]}
        deadline = time.monotonic() + _QUIET_SECONDS
        while left:
            polled = consumer.poll(timeout_ms=200, max_records=5_000)
            for part, records in polled.items():
                yield from (record for record in records if record.offset < ends[part])
            # A compacted or transactional tail has offsets without records: the position passes them.
            left = {part for part in left if consumer.position(part) < ends[part]}
            if polled:
                # Counted from here, since the log is not what is slow when a reader takes its time with the records.
                deadline = time.monotonic() + _QUIET_SECONDS
            elif left and time.monotonic() > deadline:
                raise LogUnavailable(f"the log stopped answering before its end, got nothing more of {sorted(left)}")
    except kafka.errors.KafkaError as error:
        raise LogUnavailable(f"the log cannot be read: {error}, got {type(error).__name__}") from error
    finally:
        consumer.close(autocommit=False)


def newest_received_at(options: Mapping[str, object], topics: Iterable[str], from_end: int = 50) -> dict[str, int]:
    """The newest `received_at` of each city in the last records of some topics, ticks included."""
    newest: dict[str, int] = {}
    for topic in topics:
        for record in read_partitions(options, topic, from_end=from_end):
            with contextlib.suppress(InvalidInput):
                for city, ms in _times_of(topic, record).items():
                    newest[city] = max(ms, newest.get(city, ms))
    return newest


def _times_of(topic: str, record: Any) -> Mapping[str, int]:
    kind, topic = header(record.headers, KIND_HEADER), topic_of(topic)
    if kind == TICK.decode():
        return json_events.tick(record.value).received_at_ms
    if kind == SEAL.decode():
        return json_events.seal(record.value).received_at_ms
    if header(record.headers, "content-type") == ARROW:
        rows = arrow_events.events_of(topic, arrow_events.unpack(topic, record.value))
        return {city: max(ms for _e, of, ms in rows if of == city) for _event, city, _ms in rows}
    recorded = json_events.recorded(topic, record.value)
    return {recorded.city: recorded.received_at_ms}


def send_dead_letter(producer: Producer, record: Any, topic: str, partition: int, reason: str, error: str) -> Any:
    """Send a record that cannot be used to the `.dead-letter` of its topic: its bytes, key and headers, and why; a future.

    A record too large to be sent with its reason is cut, value, key and headers; the original stays in the log at its
    offset.
    """
    value: bytes = record.value or b""
    key: bytes | None = record.key
    theirs: Headers = [(name, bytes(text or b"")) for name, text in record.headers if name != "traceparent"]
    cut = len(value) > _MOST_VALUE
    if sum(len(name.encode()) + len(text) for name, text in theirs) > _MOST_BESIDE:
        theirs, cut = [], True
    if key is not None and len(key) > _MOST_BESIDE:
        key, cut = key[:_MOST_BESIDE], True
    headers: Headers = [
        *theirs,
        (REASON_HEADER, reason.encode()),
        (ERROR_HEADER, json.dumps(error[:500]).encode()),
        (OFFSET_HEADER, str(record.offset).encode()),
        (PARTITION_HEADER, str(partition).encode()),
    ]
    if cut:
        headers.append((CUT_HEADER, str(len(value)).encode()))
    headers.append((TOPIC_HEADER, topic.encode()))
    return producer.send(f"{topic_of(topic)}.dead-letter", value[:_MOST_VALUE], key, headers)
