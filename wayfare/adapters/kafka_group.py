"""A member of a consumer group that decides itself where to read from, and commits only after the effect."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import kafka
import kafka.errors
from kafka.structs import OffsetAndMetadata

from wayfare.adapters.kafka_batches import read_quickly
from wayfare.adapters.kafka_client import check_reachable, offsets_of
from wayfare.adapters.kafka_generations import Generations
from wayfare.adapters.kafka_sockets import first_contact
from wayfare.domain.errors import LogUnavailable
from wayfare.domain.streams import generation

LOST_HEARTBEAT_SECONDS = 20.0
"""Twice the session timeout: the group has given up on a member that was silent for so long."""
SLOWEST_STEP_MS = 120_000
"""A member that does not poll for so long gives its share away; the longest step is writing everything before a change."""
_CALL_MS = 3_000

Partition = Any
"""The driver's (topic, partition)."""
Resume = Callable[[frozenset[Partition]], Mapping[Partition, int | None]]
"""From a new share to the offset from which to read each partition on; None is its oldest record."""


class _Share(kafka.ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python carries no types
    """What the group has given to one connection. The driver tells on its own thread, so this only takes notes."""

    def __init__(self) -> None:
        self.owned: frozenset[Partition] = frozenset()
        self.changed = False
        self.joined = False

    def on_partitions_revoked(self, revoked: Any) -> None:
        # Only to be shared out anew: who keeps a partition is told next, and nothing is fetched of it until then.
        self.owned -= set(revoked)

    def on_partitions_assigned(self, assigned: Any) -> None:
        self.owned |= set(assigned)
        self.joined = self.changed = True

    def on_partitions_lost(self, lost: Any) -> None:
        self.owned -= set(lost)
        self.joined, self.changed = False, True


class GroupConsumer:
    """Reads topics together with the other members of a group. Used by one thread; `owned` may be read by any.

    generations: read every generation of the topics that it tells of, the newer ones from when they come to be.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        group: str,
        topics: Iterable[str],
        most_records: int,
        generations: Generations | None = None,
    ) -> None:
        self._options, self._group, self._topics, self._most = dict(options), group, sorted(topics), most_records
        self._generations, self._read = generations, frozenset[str]()
        self._consumer: Any = None
        self._share = _Share()
        self._unsought = False
        self._held: frozenset[Partition] = frozenset()
        self._uncommitted: dict[Partition, int] = {}
        self._beat, self._beat_seen = 0.0, 0.0

    @property
    def owned(self) -> frozenset[Partition]:
        """This member's share."""
        return self._share.owned

    @property
    def problem(self) -> str | None:
        """Why nothing can be read yet: no share was given; a share of nothing is one, with more members than partitions."""
        return None if self._share.joined else f"the group has given this member no share yet of {self._topics}"

    def poll(self, seconds: float, resume: Resume) -> dict[Partition, list[Any]]:
        """Records by partition in order, waiting at most so long for the first; joins the group when it has to.

        After a change of the share `resume` is asked where to read on, and again at each poll until it has answered; what
        was fetched meanwhile is not given out. LogUnavailable when the log does not answer, or when this member's
        heartbeat has stopped: it is dropped then, and the next poll joins anew.
        """
        if self._consumer is None:
            self._join()
        try:
            self._look()
            records: dict[Partition, list[Any]] = self._consumer.poll(round(seconds * 1000), max_records=self._most)
            self._check_heart()
            if self._share.changed:
                self._share.changed, self._unsought = False, True
            if not self._unsought:
                return records
            self._seek(resume)
        except kafka.errors.KafkaError as error:
            raise LogUnavailable(f"the log cannot be read: {error}, got {type(error).__name__}") from error
        return {}

    def rewind(self) -> None:
        """Ask anew where to read on, for what was given out and could not be taken."""
        self._unsought = True

    def _seek(self, resume: Resume) -> None:
        owned = self.owned
        self._consumer.resume(*owned)
        self._held, self._uncommitted = frozenset(), {}
        offsets = resume(owned)
        if owned != self.owned:
            return
        for partition, offset in offsets.items():
            if offset is None:
                self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, offset)
        self._unsought = False

    def _join(self) -> None:
        consumer = None
        try:
            check_reachable(self._options)
            consumer = first_contact(
                kafka.KafkaConsumer,
                **self._options,
                group_id=self._group,
                client_id=f"{self._group}-{socket.gethostname()}-{os.getpid()}",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                max_partition_fetch_bytes=8 * 1024 * 1024,
                fetch_max_wait_ms=50,
                session_timeout_ms=10_000,
                heartbeat_interval_ms=3_000,
                max_poll_interval_ms=SLOWEST_STEP_MS,
                reconnect_backoff_max_ms=1_000,
                metadata_max_age_ms=30_000,
                bootstrap_timeout_ms=3_000,
            )
            read_quickly(consumer)
            there = frozenset(consumer.topics())
            missing = sorted(set(self._topics) - there)
            if missing:
                raise LogUnavailable(f"these topics do not exist yet, got none of {missing}")
            self._share, self._read = _Share(), self._wanted(there)
            consumer.subscribe(sorted(self._read), listener=self._share)
            self._consumer, consumer = consumer, None
            self._beat, self._beat_seen = 0.0, time.monotonic()
        except (kafka.errors.KafkaError, OSError) as error:
            raise LogUnavailable(f"no Kafka broker answers: {error}, got {type(error).__name__}") from error
        finally:
            if consumer is not None:
                consumer.close()

    def _wanted(self, there: frozenset[str]) -> frozenset[str]:
        if self._generations is None:
            return frozenset(self._topics)
        self._generations.start()
        return frozenset(name for name in there if generation.topic_of(name) in self._topics)

    def _look(self) -> None:
        """Read newer generations too, from when they come to be."""
        if self._generations is not None and self._generations.names:
            wanted = self._wanted(self._generations.names)
            if wanted and wanted != self._read:
                self._read = wanted
                self._consumer.subscribe(sorted(wanted), listener=self._share)

    def _check_heart(self) -> None:
        """kafka-python 3.0.12 can halt when it joins a group on brokers that have just started: no heartbeat, no fetch, no error."""
        # Public metrics tell this time on another clock than the one it was taken from, so the coordinator is asked.
        sent, now = float(self._consumer._coordinator.heartbeat.last_send), time.monotonic()
        if sent != self._beat:
            self._beat, self._beat_seen = sent, now
        elif now - self._beat_seen > LOST_HEARTBEAT_SECONDS:
            halted, self._consumer = self._consumer, None
            self._share, self._unsought = _Share(), True
            # On a thread of its own, because its closing may hang as well.
            leave = {"autocommit": False, "timeout_ms": 1_000}
            threading.Thread(target=halted.close, kwargs=leave, name="kafka-leave", daemon=True).start()
            raise LogUnavailable(f"this member's heartbeat stopped, so it joins anew, got {self._group!r}")

    def hold_back(self, partitions: Collection[Partition]) -> None:
        """Of this share read exactly these no further for now, staying in the group; a new share is read whole."""
        wanted = self.owned & set(partitions)
        if wanted != self._held:
            self._consumer.resume(*(self.owned & (self._held - wanted)))
            self._consumer.pause(*wanted)
            self._held = wanted

    def committed(self, partitions: Collection[Partition]) -> dict[Partition, int | None]:
        """How far the group's effects are, as told by `commit`; None where nothing was."""
        return {partition: self._consumer.committed(partition, timeout_ms=_CALL_MS) for partition in partitions}

    def commit(self, next_offsets: Mapping[Partition, int]) -> None:
        """Tell the group how far this member's effects are; what it does not take (a rebalance is on) goes with the next call."""
        self._uncommitted |= next_offsets
        offsets = {at: OffsetAndMetadata(n, "", -1) for at, n in self._uncommitted.items() if at in self.owned}
        if self._consumer is not None and offsets:
            with contextlib.suppress(kafka.errors.KafkaError):
                self._consumer.commit(offsets, timeout_ms=_CALL_MS)
                self._uncommitted = {}

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        found = self._consumer.partitions_for_topic(topic)
        if not found:
            raise LogUnavailable(f"the topic has no partitions yet, got {topic!r}")
        return len(found)

    @property
    def read(self) -> frozenset[str]:
        """The names of the topics that are read, of all their generations."""
        return self._read

    def end_offsets(self, seconds: float) -> dict[Partition, int]:
        """The offset after the newest record of each partition owned; LogUnavailable when the brokers do not answer."""
        try:
            return offsets_of(self._consumer.end_offsets, self.owned, timeout_ms=round(seconds * 1000))
        except kafka.errors.KafkaError as error:
            raise LogUnavailable(f"the log cannot be read: {error}, got {type(error).__name__}") from error

    def close(self) -> None:
        """Leave the group, so that the others take over at once."""
        if self._generations is not None:
            self._generations.close()
        if self._consumer is not None:
            with contextlib.suppress(kafka.errors.KafkaError):
                self._consumer.close(autocommit=False, timeout_ms=_CALL_MS)
