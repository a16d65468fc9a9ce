"""A member of a consumer group that commits by hand: offsets are stored only after the effect."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import kafka
import kafka.errors
from kafka.structs import OffsetAndMetadata, TopicPartition

from wayfare.adapters.kafka_heart import Heart, abandon
from wayfare.domain.errors import LogUnavailable

SESSION_MS = 10_000


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """One record of the topic."""

    partition: int
    offset: int
    value: bytes


class KafkaGroup:
    """Reads one topic with the other members of a group. Used by one thread; connects at the first `poll`.

    revoked: told of each partition that goes to another member; what was read of it and not committed will be read there.
    """

    def __init__(self, options: Mapping[str, object], topic: str, group: str, revoked: Callable[[int], None]) -> None:
        self._options = dict(options)
        self._topic = topic
        self._group = group
        self._revoked = revoked
        self._consumer: Any = None
        self._heart = Heart()
        self._paused: set[int] = set()
        self.owned: frozenset[int] = frozenset()
        self.problem: str | None = "not connected to Kafka yet"

    def poll(self, timeout_s: float, most: int) -> list[GroupRecord]:
        """Records that are there, waiting at most the timeout for the first; LogUnavailable when the log does not answer."""
        try:
            if self._consumer is None:
                self._consumer, self._heart = self._connect(), Heart()
            batches = self._consumer.poll(timeout_ms=round(timeout_s * 1000), max_records=most)
            self.problem = None if self.owned else f"waiting for a share of {self._topic}"
        except (kafka.errors.KafkaError, OSError, ValueError) as error:
            self.problem = f"{self._topic} cannot be read: {error or type(error).__name__}"
            time.sleep(timeout_s)
            raise LogUnavailable(f"{self.problem}, got {type(error).__name__}") from error
        if self._heart.stopped(self._consumer):
            consumer, self._consumer = self._consumer, None
            self.assigned(frozenset())
            abandon(consumer)
            self.problem = "this member's heartbeat stopped, so it joins anew"
            raise LogUnavailable(f"{self.problem}, got {self._group!r}")
        return [
            GroupRecord(place.partition, record.offset, record.value)
            for place, records in batches.items()
            for record in records
        ]

    def hold_back(self, partition: int, hold: bool) -> None:
        """Read no more of a partition for now, or read on."""
        if partition in self.owned and hold != (partition in self._paused):
            place = TopicPartition(self._topic, partition)
            (self._consumer.pause if hold else self._consumer.resume)(place)
            self._paused.symmetric_difference_update({partition})

    def commit(self, positions: Mapping[int, int]) -> None:
        """Store from where to read on, by partition; LogUnavailable when that is not known to be stored."""
        offsets = {
            TopicPartition(self._topic, partition): OffsetAndMetadata(position, "", -1)
            for partition, position in positions.items()
            if partition in self.owned
        }
        if not offsets:
            return
        try:
            self._consumer.commit(offsets)
        except kafka.errors.KafkaError as error:
            raise LogUnavailable(f"the offsets of {self._topic} were not stored, got {error!r}") from error

    def close(self) -> None:
        """Leave the group, so that the others take over at once."""
        if self._consumer is not None:
            self._consumer.close(autocommit=False, timeout_ms=3_000)

    def _connect(self) -> Any:
        consumer = kafka.KafkaConsumer(
            **self._options,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            max_poll_interval_ms=60_000,
            allow_auto_create_topics=False,
            reconnect_backoff_max_ms=1_000,
            bootstrap_timeout_ms=3_000,
        )
        consumer.subscribe([self._topic], listener=_listener(self))
        return consumer

    def assigned(self, partitions: frozenset[int]) -> None:
        """Told by the driver."""
        for partition in self.owned - partitions:
            self._revoked(partition)
        self.owned = partitions
        self._paused &= partitions


def _listener(group: KafkaGroup) -> kafka.ConsumerRebalanceListener:
    class Listener(kafka.ConsumerRebalanceListener):  # type: ignore[misc]  # the driver is untyped
        def on_partitions_revoked(self, revoked: Any) -> None:
            group.assigned(group.owned - {place.partition for place in revoked})

        def on_partitions_assigned(self, assigned: Any) -> None:
            group.assigned(group.owned | {place.partition for place in assigned})

    return Listener()
