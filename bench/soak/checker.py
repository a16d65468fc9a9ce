"""Whether the window is what the log gives, asked of the log and of Redis alone."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import kafka
import kafka.errors
import redis
from kafka.structs import TopicPartition

from bench.soak.processes import until
from wayfare.adapters.kafka_client import offsets_of
from wayfare.adapters.redis_window import ingest_status
from wayfare.adapters.window_proof import Proof, WindowProof
from wayfare.domain.errors import LogUnavailable, WindowUnavailable
from wayfare.inventory import topic
from wayfare.runtime.ticker import TICKED_TOPICS


@dataclass
class Checker:
    """Reads past every proxy. city: whose window, with a record in every partition of the ticked topics."""

    options: Mapping[str, object]
    redis: redis.Redis
    city: str

    def __post_init__(self) -> None:
        self._proof = WindowProof(self.options, self.redis, self.city)

    def ends(self) -> dict[tuple[str, int], int]:
        """The newest offset of each partition, of this city or not."""
        consumer = kafka.KafkaConsumer(**self.options)
        try:
            parts = [TopicPartition(name, n) for name in TICKED_TOPICS for n in range(topic(name).partitions)]
            return {(at.topic, at.partition): end - 1 for at, end in offsets_of(consumer.end_offsets, parts).items()}
        finally:
            consumer.close()

    def until_caught_up(self, seconds: float) -> None:
        """Wait until Redis covers the log as it is now; AssertionError when it takes longer than that."""
        wanted: dict[tuple[str, int], int] = {}

        def known() -> bool:
            with contextlib.suppress(kafka.errors.KafkaError):
                wanted.update(self.ends())
            return bool(wanted)

        def covered() -> bool:
            try:
                have = {(s.topic, s.partition): s.covers_offset for s in ingest_status(self.redis, self.city)}
            except WindowUnavailable:
                return False
            return all(have.get(at, -1) >= end for at, end in wanted.items())

        until(known, "the brokers tell where the log ends", seconds)
        until(covered, "the window covers the log", seconds)

    def prove(self) -> Proof:
        """What `wayfare window verify` does, over what is new of the log; again while the log or Redis does not answer."""
        found: list[Proof] = []

        def proven() -> bool:
            try:
                found.append(self._proof.prove())
            except (LogUnavailable, WindowUnavailable):
                return False
            return True

        until(proven, "the log and Redis can be read")
        return found[0]
