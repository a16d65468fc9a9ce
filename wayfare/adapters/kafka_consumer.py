"""Reading the log: members of a consumer group, whole topics from start to end, dead letters."""

from __future__ import annotations

import collections
import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import kafka
import kafka.errors
from kafka.structs import OffsetAndMetadata, TopicPartition

from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.kafka_client import ARROW, MAX_RECORD_BYTES, Headers, Producer, check_reachable, header
from wayfare.adapters.kafka_events import KIND_HEADER, TICK
from wayfare.adapters.kafka_heart import Heart, abandon
from wayfare.domain.errors import InvalidInput, LogUnavailable

REASON_HEADER, ERROR_HEADER = "wayfare-reason", "wayfare-error"
OFFSET_HEADER, PARTITION_HEADER = "wayfare-offset", "wayfare-partition"
_QUIET_SECONDS = 10.0


class _Listener(kafka.ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python carries no types
    """Only notes that something changed: the work is done by the thread that polls, outside the group's protocol."""

    def __init__(self) -> None:
        self.changes: collections.deque[str] = collections.deque()

    def on_partitions_revoked(self, revoked: Any) -> None:
        self.changes.append("revoked")

    def on_partitions_assigned(self, assigned: Any) -> None:
        self.changes.append("assigned")

    def on_partitions_lost(self, lost: Any) -> None:
        self.changes.append("lost")


class GroupConsumer:
    """One member of a consumer group that decides itself where to read from and when work is done.

    `connect` raises LogUnavailable until the brokers and the topics are there; call it again. After `poll` has told of a
    change of assignment, seek every partition owned: what that poll fetched is not given out.

    A member whose heartbeat stopped is dropped: `poll` raises LogUnavailable, and `connect` joins anew.
    """

    def __init__(self, options: Mapping[str, object], group: str, topics: Iterable[str], most_records: int) -> None:
        self._options, self._group, self._topics, self._most = dict(options), group, sorted(topics), most_records
        self._listener = _Listener()
        self._consumer: Any = None
        self._heart = Heart()
        self.joined = False

    def connect(self) -> None:
        """Join the group, once."""
        if self._consumer is not None:
            return
        consumer = None
        try:
            check_reachable(self._options)
            consumer = kafka.KafkaConsumer(
                **self._options,
                group_id=self._group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                max_partition_fetch_bytes=8 * 1024 * 1024,
                fetch_max_wait_ms=50,
                session_timeout_ms=10_000,
                heartbeat_interval_ms=3_000,
                reconnect_backoff_max_ms=1_000,
                metadata_max_age_ms=30_000,
                bootstrap_timeout_ms=3_000,
            )
            missing = sorted(set(self._topics) - set(consumer.topics()))
            if missing:
                raise LogUnavailable(f"these topics do not exist yet, got none of {missing}")
            consumer.subscribe(self._topics, listener=self._listener)
            self._consumer, consumer = consumer, None
            self._heart = Heart()
        except (kafka.errors.KafkaError, OSError) as error:
            raise LogUnavailable(f"no Kafka broker answers: {error}, got {type(error).__name__}") from error
        finally:
            if consumer is not None:
                consumer.close()

    def poll(self, seconds: float) -> tuple[bool, dict[Any, list[Any]]]:
        """(assignment changed, records by partition in order); a change gives no records."""
        try:
            records = self._consumer.poll(timeout_ms=round(seconds * 1000), max_records=self._most)
        except kafka.errors.KafkaError as error:
            raise LogUnavailable(f"the log cannot be read: {error}, got {type(error).__name__}") from error
        self._check_heart()
        if self._listener.changes:
            self.joined = "assigned" in self._listener.changes or self.joined
            self._listener.changes.clear()
            return True, {}
        return False, records

    def _check_heart(self) -> None:
        """LogUnavailable, with the member dropped, when it has sent no heartbeat for too long."""
        if self._heart.stopped(self._consumer):
            consumer, self._consumer = self._consumer, None
            self._listener.changes.append("lost")
            abandon(consumer)
            raise LogUnavailable(f"this member's heartbeat stopped, so it joins anew, got {self._group!r}")

    def owned(self) -> set[Any]:
        """The partitions assigned to this member."""
        return set(self._consumer.assignment()) if self._consumer is not None else set()

    def seek(self, partition: Any, offset: int | None) -> None:
        """Read on from an offset, or from the oldest record."""
        if offset is None:
            self._consumer.seek_to_beginning(partition)
        else:
            self._consumer.seek(partition, offset)

    def pause(self, paused: bool) -> None:
        """Stop or resume fetching while staying in the group."""
        owned = self.owned()
        if self._consumer is None:
            return
        (self._consumer.pause if paused else self._consumer.resume)(*owned)

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        found = self._consumer.partitions_for_topic(topic)
        if not found:
            raise LogUnavailable(f"the topic has no partitions yet, got {topic!r}")
        return len(found)

    def end_offsets(self, seconds: float) -> dict[Any, int]:
        """The offset after the newest record of each partition owned; LogUnavailable when the brokers do not answer."""
        owned = list(self._consumer.assignment())
        try:
            return dict(self._consumer.end_offsets(owned, timeout_ms=round(seconds * 1000))) if owned else {}
        except kafka.errors.KafkaError as error:
            raise LogUnavailable(f"the log cannot be read: {error}, got {type(error).__name__}") from error

    def commit(self, next_offsets: Mapping[Any, int]) -> bool:
        """Tell the group how far this member's effects are; False when it would not take it (a rebalance is on)."""
        if self._consumer is None:
            return False
        offsets = {at: OffsetAndMetadata(offset, "", -1) for at, offset in next_offsets.items()}
        try:
            self._consumer.commit(offsets, timeout_ms=3_000)
        except kafka.errors.KafkaError:
            return False
        return True

    def close(self) -> None:
        """Leave the group."""
        if self._consumer is not None:
            with contextlib.suppress(kafka.errors.KafkaError):
                self._consumer.close(autocommit=False, timeout_ms=3_000)


def read_partitions(options: Mapping[str, object], topic: str, from_end: int | None = None) -> Iterator[Any]:
    """Records of a topic from its start, or the newest `from_end` of each partition, up to its end as of now."""
    try:
        check_reachable(options)
        consumer = kafka.KafkaConsumer(
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
        starts, ends = consumer.beginning_offsets(parts), consumer.end_offsets(parts)
        consumer.assign(parts)
        for part in parts:
            consumer.seek(part, starts[part] if from_end is None else max(starts[part], ends[part] - from_end))
        left = {part for part in parts if consumer.position(part) < ends[part]}
        deadline = time.monotonic() + _QUIET_SECONDS
        while left:
            for part, records in consumer.poll(timeout_ms=200, max_records=5_000).items():
                deadline = time.monotonic() + _QUIET_SECONDS
                yield from (record for record in records if record.offset < ends[part])
            # A compacted or transactional tail has offsets without records: the position passes them.
            left = {part for part in left if consumer.position(part) < ends[part]}
            if time.monotonic() > deadline:
                raise LogUnavailable(f"the log stopped answering before its end, got nothing more of {sorted(left)}")
    except kafka.errors.KafkaError as error:
        raise LogUnavailable(f"the log cannot be read: {error}, got {type(error).__name__}") from error
    finally:
        consumer.close(autocommit=False)


def newest_received_at(options: Mapping[str, object], topics: Iterable[str]) -> dict[str, int]:
    """The newest `received_at` of each city near the ends of some topics, ticks included; where a clock resumes."""
    newest: dict[str, int] = {}
    for topic in topics:
        for record in read_partitions(options, topic, from_end=50):
            with contextlib.suppress(InvalidInput):
                for city, ms in _times_of(topic, record).items():
                    newest[city] = max(ms, newest.get(city, ms))
    return newest


def _times_of(topic: str, record: Any) -> Mapping[str, int]:
    if header(record.headers, KIND_HEADER) == TICK.decode():
        return json_events.tick(record.value).received_at_ms
    if header(record.headers, "content-type") == ARROW:
        rows = arrow_events.events_of(topic, arrow_events.unpack(topic, record.value))
        return {city: max(ms for _e, of, ms in rows if of == city) for _event, city, _ms in rows}
    recorded = json_events.recorded(topic, record.value)
    return {recorded.city: recorded.received_at_ms}


def send_dead_letter(producer: Producer, record: Any, topic: str, partition: int, reason: str, error: str) -> Any:
    """Send a record that cannot be used to `<topic>.dead-letter`: its bytes, key and headers, and why; a future.

    A record too large to be sent with its reason is cut; the original stays in the log at its offset.
    """
    value: bytes = record.value or b""
    headers: Headers = [
        *((name, bytes(text or b"")) for name, text in record.headers if name != "traceparent"),
        (REASON_HEADER, reason.encode()),
        (ERROR_HEADER, json.dumps(error[:500]).encode()),
        (OFFSET_HEADER, str(record.offset).encode()),
        (PARTITION_HEADER, str(partition).encode()),
    ]
    most = MAX_RECORD_BYTES - 65_536
    if len(value) > most:
        headers.append(("wayfare-cut-from-bytes", str(len(value)).encode()))
    return producer.send(f"{topic}.dead-letter", value[:most], record.key, headers)
