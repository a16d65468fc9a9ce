"""One consumer's work: gather rows of each partition, land them, and only then tell the group how far.

Where to read from is what the lake says has landed, never the group's offset.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from wayfare.adapters.kafka_client import Producer
from wayfare.adapters.kafka_consumer import send_dead_letter
from wayfare.adapters.kafka_group import GroupConsumer
from wayfare.adapters.parquet_lake import PartitionLanding
from wayfare.adapters.parquet_rows import Row, rows
from wayfare.domain.city import Registry
from wayfare.domain.errors import InvalidInput, LogUnavailable, StoreUnavailable
from wayfare.runtime import metrics
from wayfare.runtime.lag import ConsumerLag
from wayfare.runtime.logs import logger
from wayfare.runtime.worker import Problems

TOPICS = ("trips", "panes", "predictions", "bookings")


@dataclasses.dataclass(slots=True)
class _Owned:
    """One partition, and what waits to be landed."""

    landing: PartitionLanding
    rows: list[Row] = dataclasses.field(default_factory=list)
    dead: list[tuple[Any, str]] = dataclasses.field(default_factory=list)
    size: int = 0
    first_offset: int = -1
    last_offset: int = -1
    since: float = 0.0


class Lander:
    """See the module. One thread calls `step` for ever; `problems` may be read by any."""

    def __init__(
        self,
        consumer: GroupConsumer,
        producer: Producer,
        lake: pathlib.Path,
        registry: Callable[[], Registry],
        settings: Any,
        monotonic: Callable[[], float],
    ) -> None:
        self._consumer, self._producer, self._lake, self._registry = consumer, producer, lake, registry
        self._settings = settings
        self._monotonic = monotonic
        self._owned: dict[Any, _Owned] = {}
        self._blocked = False
        self._lag = ConsumerLag()
        self._log = logger()
        self.problems = Problems(log="not connected yet", brokers=None, lake=None, assignment=consumer.problem)

    def step(self) -> None:
        """Read once and land what is due. What a retry can mend is kept in `problems` and tried again."""
        try:
            batches = self._consumer.poll(0.2, self._resume)
            self.problems["log"] = None
        except (LogUnavailable, StoreUnavailable) as error:
            self.problems.found("log" if isinstance(error, LogUnavailable) else "lake", error)
            return
        self.problems["assignment"] = self._consumer.problem
        if not self._blocked:
            for partition, records in batches.items():
                self._take(partition, records)
        elif batches:
            # What was on its way when reading stopped is read again.
            self._consumer.rewind()
        self._set_blocked(not self.land(everything=False))
        self._lag.measure(self._monotonic(), self._consumer.end_offsets, self._landed, self.problems)

    def _landed(self, partition: Any) -> int | None:
        own = self._owned.get(partition)
        if own is None:
            return None
        return own.first_offset if own.first_offset >= 0 else own.landing.next_offset or 0

    def _set_blocked(self, blocked: bool) -> None:
        if blocked != self._blocked:
            self._blocked = blocked
            self._hold_back()

    def _hold_back(self) -> None:
        self._consumer.hold_back(self._consumer.owned if self._blocked else ())

    def _resume(self, owned: frozenset[Any]) -> Mapping[Any, int | None]:
        for partition in [partition for partition in self._owned if partition not in owned]:
            own = self._owned.pop(partition)
            self._land(partition, own)
            own.landing.close()
        for partition in owned:
            if partition not in self._owned:
                landing = PartitionLanding(self._lake, partition.topic, partition.partition)
                landing.open()
                self._owned[partition] = _Owned(landing)
        self.problems["lake"] = None
        self._hold_back()
        self._log.info("partitions taken", partitions=sorted(f"{p.topic}|{p.partition}" for p in owned))
        return {
            partition: own.last_offset + 1 if own.last_offset >= 0 else own.landing.next_offset
            for partition, own in self._owned.items()
        }

    def _take(self, partition: Any, records: list[Any]) -> None:
        own = self._owned[partition]
        landed = own.landing.next_offset or 0
        registry = self._registry()
        for record in records:
            if record.offset < landed or record.offset <= own.last_offset:
                continue
            if own.first_offset < 0:
                own.first_offset, own.since = record.offset, self._monotonic()
            own.last_offset = record.offset
            own.size += len(record.value or b"")
            try:
                own.rows += rows(partition.topic, record, registry)
            except InvalidInput as error:
                own.dead.append((record, str(error)))

    def land(self, everything: bool) -> bool:
        """Land what is due, or everything; False when the lake or the log would not take it, which is tried again."""
        now = self._monotonic()
        for partition, own in list(self._owned.items()):
            due = (
                everything
                or now - own.since >= self._settings.land_seconds
                or len(own.rows) >= self._settings.land_rows
                or own.size >= self._settings.land_bytes
            )
            if own.first_offset >= 0 and due and not self._land(partition, own):
                return False
        return True

    def _land(self, partition: Any, own: _Owned) -> bool:
        if own.first_offset < 0:
            return True
        try:
            futures = [
                send_dead_letter(self._producer, record, partition.topic, partition.partition, "unreadable", error)
                for record, error in own.dead
            ]
            if futures:
                self._producer.wait(futures)
                metrics.DEAD_LETTERS.labels(partition.topic, "unreadable").inc(len(futures))
            own.dead = []
            count = own.landing.land(own.rows, own.first_offset, own.last_offset)
        except LogUnavailable as error:
            self.problems.found("log", error)
            return False
        except StoreUnavailable as error:
            self.problems.found("lake", error)
            return False
        self.problems["lake"] = None
        metrics.ROWS_LANDED.labels(partition.topic).inc(count)
        self._consumer.commit({partition: own.last_offset + 1})
        if partition in self._owned:
            self._owned[partition] = _Owned(own.landing)
        return True

    def close(self) -> None:
        """Land everything and leave the group."""
        self.land(everything=True)
        self._consumer.close()
        self._producer.close()
        for own in self._owned.values():
            own.landing.close()
