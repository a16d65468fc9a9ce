"""Drift registers, how far each partition's are, and judgements in the compacted topic `drift-registers`.

A key ends in its writer, so that nobody overwrites another's: of one thing that several wrote, the one that covers the higher
offset (of a judgement: the later five minutes) counts, whatever was written or compacted last.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import kafka
import kafka.errors
from kafka.structs import TopicPartition

from wayfare.adapters import kafka_unpacking
from wayfare.adapters.kafka_client import JSON, Producer, check_reachable, offsets_of
from wayfare.adapters.kafka_sockets import first_contact
from wayfare.domain.drift.register import Key, Register, from_bytes
from wayfare.domain.errors import InvalidInput, LogUnavailable

TOPIC = "drift-registers"
KEPT_BUCKETS = 2 * 288
"""Registers older than two days of their city's clock are dropped from memory."""
_CATCH_UP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Head:
    """How far a partition is folded: the newest offset that all its registers cover, and the newest time of each city."""

    covers: int
    newest: Mapping[str, int]


@dataclass
class Held:
    """What the topic says, as far as it was read."""

    registers: dict[Key, Register] = field(default_factory=dict)
    heads: dict[tuple[str, int], Head] = field(default_factory=dict)
    judgements: dict[tuple[str, str, int], dict[str, Any]] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)
    unreadable: int = 0

    def take(self, key: str, value: bytes) -> None:
        """One record; an unreadable one is counted and changes nothing."""
        try:
            kind, *rest = key.split("|")
            if kind == "register":
                self._register(from_bytes(value))
            elif kind == "head":
                self._head((rest[0], int(rest[1])), json.loads(value))
            elif kind == "judgement":
                self._judgement(json.loads(value))
            else:
                raise InvalidInput(f"a key begins with register, head or judgement, got {key[:80]!r}")
        except (InvalidInput, ValueError, KeyError, IndexError, TypeError):
            self.unreadable += 1

    def _register(self, register: Register) -> None:
        key = register.key
        before = self.registers.get(key)
        if before is not None and before.covers >= register.covers:
            return
        newest = max(self.newest.get(key.city, key.bucket), key.bucket)
        if newest > self.newest.get(key.city, -1):
            self.newest[key.city] = newest
            for old in [k for k in self.registers if k.city == key.city and k.bucket <= newest - KEPT_BUCKETS]:
                del self.registers[old]
        if key.bucket > newest - KEPT_BUCKETS:
            self.registers[key] = register

    def _head(self, at: tuple[str, int], raw: Mapping[str, Any]) -> None:
        before = self.heads.get(at)
        if before is None or int(raw["covers"]) > before.covers:
            self.heads[at] = Head(int(raw["covers"]), {str(c): int(t) for c, t in raw["newest"].items()})

    def _judgement(self, raw: dict[str, Any]) -> None:
        at = (str(raw["city"]), str(raw["model"]), int(raw["version"]))
        before = self.judgements.get(at)
        order = (int(raw["last"]), int(raw["evaluated_at_ms"]))
        if before is None or order > (before["last"], before["evaluated_at_ms"]):
            self.judgements[at] = raw


class RegisterWriter:
    """Writes with acknowledgement. member: names this process, unlike any other."""

    def __init__(self, producer: Producer, member: str) -> None:
        self._producer, self._member = producer, member

    def save(self, registers: Iterable[Register], heads: Mapping[tuple[str, int], Head]) -> None:
        """Registers first, then the heads that rely on them; LogUnavailable unless the log has all."""
        self._wait({"register|" + _text(one.key): one.to_bytes() for one in registers})
        self._wait(
            {
                f"head|{topic}|{partition}": json.dumps({"covers": head.covers, "newest": dict(head.newest)}).encode()
                for (topic, partition), head in heads.items()
            }
        )

    def judge(self, judgement: Mapping[str, Any]) -> None:
        """A judgement of one city, model and version."""
        key = f"judgement|{judgement['city']}|{judgement['model']}|{judgement['version']}"
        self._wait({key: json.dumps(judgement, allow_nan=False).encode()})

    def _wait(self, values: Mapping[str, bytes]) -> None:
        headers = [("content-type", JSON.encode())]
        futures = [
            self._producer.send(TOPIC, value, f"{key}|{self._member}".encode(), headers, 0)
            for key, value in values.items()
        ]
        if futures:
            self._producer.wait(futures)


def _text(key: Key) -> str:
    return f"{key.topic}|{key.partition}|{key.city}|{key.model}|{key.version}|{key.bucket}"


class RegisterReader:
    """Follows the topic from its start; `held` is what it has come to. Used by one thread."""

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = dict(options)
        self._consumer: Any = None
        self.held = Held()

    def poll(self) -> bool:
        """Take what is there; True when something was."""
        try:
            consumer = self._connected()
            found = consumer.poll(timeout_ms=10, max_records=2_000)
        except kafka.errors.KafkaError as error:
            raise LogUnavailable(f"drift-registers cannot be read: {error}, got {type(error).__name__}") from error
        for records in found.values():
            for record in records:
                if record.key is not None and record.value:
                    self.held.take(record.key.decode("utf-8", "replace"), record.value)
        return bool(found)

    def catch_up(self) -> None:
        """Read to the end as of now."""
        deadline = time.monotonic() + _CATCH_UP_SECONDS
        place = TopicPartition(TOPIC, 0)
        end = self.ends([(TOPIC, 0)])[TOPIC, 0]
        while self._consumer.position(place) < end:
            if not self.poll():
                time.sleep(0.02)
            if time.monotonic() > deadline:
                raise LogUnavailable(f"drift-registers was not read to its end in {_CATCH_UP_SECONDS:g} s, got {end}")

    def ends(self, places: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The offset after the newest record of each place, 0 where nothing is held any more."""
        parts = [TopicPartition(*place) for place in places]
        try:
            consumer = self._connected()
            first, last = offsets_of(consumer.beginning_offsets, parts), offsets_of(consumer.end_offsets, parts)
        except kafka.errors.KafkaError as error:
            raise LogUnavailable(f"the log does not tell its end: {error}, got {type(error).__name__}") from error
        return {(part.topic, part.partition): last[part] if last[part] > first[part] else 0 for part in parts}

    def _connected(self) -> Any:
        if self._consumer is None:
            try:
                check_reachable(self._options)
                kafka_unpacking.bound()
                consumer = first_contact(
                    kafka.KafkaConsumer,
                    **self._options,
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                    allow_auto_create_topics=False,
                    max_partition_fetch_bytes=8 * 1024 * 1024,
                    reconnect_backoff_max_ms=1_000,
                    bootstrap_timeout_ms=3_000,
                )
            except (kafka.errors.KafkaError, OSError) as error:
                raise LogUnavailable(f"no Kafka broker answers: {error}, got {type(error).__name__}") from error
            try:
                if not consumer.partitions_for_topic(TOPIC):
                    raise LogUnavailable(f"the topic does not exist yet, got {TOPIC!r}")
                consumer.assign([TopicPartition(TOPIC, 0)])
                consumer.seek_to_beginning()
            except BaseException:
                consumer.close(autocommit=False)
                raise
            self._consumer = consumer
        return self._consumer

    def close(self) -> None:
        """Give the connection up."""
        if self._consumer is not None:
            with contextlib.suppress(kafka.errors.KafkaError):
                self._consumer.close(autocommit=False)
