"""One consumer's work: read the log, move the state, write what it has come to, and only then remember how far.

The order in `publish` and `_snapshot` is what makes a crash harmless: registers to Redis, closed panes and dead letters to
Kafka, all acknowledged; then the snapshot; then the group's offset, which is for lag alone. Dying anywhere repeats writes
that their readers know by key and offset.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from services.ingest import beginning, measuring
from wayfare.adapters.kafka_client import PANE, Headers, Producer
from wayfare.adapters.kafka_consumer import send_dead_letter
from wayfare.adapters.kafka_decode import Decoder, Traced
from wayfare.adapters.kafka_group import GroupConsumer
from wayfare.adapters.kafka_snapshots import KafkaSnapshots
from wayfare.adapters.redis_window import PartitionStatus, RedisWindow
from wayfare.domain.errors import LogUnavailable, WindowUnavailable
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.generation import topic_of
from wayfare.domain.streams.panes import PaneRegister
from wayfare.domain.streams.state import CityState, PartitionState, newest_weather
from wayfare.runtime import metrics, tracing
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.logs import logger
from wayfare.runtime.worker import Problems

TAKE_OVER_SECONDS = 1.0
"""How often partitions of a newer generation look whether the older one is sealed, while prices wait for them."""


class _Settings(Protocol):
    publish_seconds: float
    snapshot_seconds: float
    snapshot_least_seconds: float


@dataclasses.dataclass(slots=True)
class _Owned:
    """One partition that this consumer works on."""

    state: PartitionState
    decoder: Decoder
    counts: measuring.Counts
    snapshot_offset: int
    snapshot_at: float
    closed_since_snapshot: bool = False
    newest_log_ms: int = 0
    oldest_unseen_ms: int = 0


class Ingest:
    """See the module. One thread calls `step` for ever; `problems` may be read by any."""

    def __init__(
        self,
        consumer: GroupConsumer,
        producer: Producer,
        snapshots: KafkaSnapshots,
        window: RedisWindow,
        settings: Any,
        monotonic: Callable[[], float],
    ) -> None:
        self._consumer, self._producer, self._snapshots, self._window = consumer, producer, snapshots, window
        self._settings: _Settings = settings
        self._monotonic = monotonic
        self._owned: dict[Any, _Owned] = {}
        self._closed: list[PaneRegister] = []
        self._dead: list[tuple[Any, Any]] = []
        self._traced: list[tuple[str, int, Traced]] = []
        self._errors = measuring.Errors()
        self._waiting: set[Any] = set()
        self._rebuild: set[tuple[Any, str]] = set()
        self._written: dict[tuple[str, str], int] = {}
        self._published_at = self._measured_at = self._asked_at = -1e9
        self._paused = False
        self._log = logger()
        self.problems = Problems(
            log="not connected yet", brokers=None, log_writes=None, window=None, assignment=consumer.problem
        )

    def step(self) -> None:
        """Read once and do what is due. Never raises what a retry can mend: it is kept in `problems` and tried again."""
        try:
            batches = self._consumer.poll(0.05, self._resume)
            self.problems["log"] = None
        except LogUnavailable as error:
            self.problems.found("log", error)
            return
        self.problems["assignment"] = self._consumer.problem
        if not self._paused:
            for partition, records in batches.items():
                self._take(partition, records)
        elif batches:
            # What was on its way when reading was paused is read again.
            self._consumer.rewind()
        now = self._monotonic()
        if self._waiting and now - self._asked_at >= TAKE_OVER_SECONDS:
            self._asked_at = now
            self._consumer.rewind()
        if self._closed or self._dead or self._paused or now - self._published_at >= self._settings.publish_seconds:
            self._published_at = now
            if self.publish():
                self._snapshot_due(now)
        if now - self._measured_at >= measuring.LAG_SECONDS:
            self._measured_at = now
            self._measure()

    def _resume(self, owned: frozenset[Any]) -> Mapping[Any, int | None]:
        """Settle what the group has decided: last words for what is gone, state and position for what is owned."""
        gone = [partition for partition in self._owned if partition not in owned]
        if gone:
            self._last_words(gone)
        for partition in gone:
            measuring.forget(self._owned.pop(partition).state)
        self._rebuild = {(partition, city) for partition, city in self._rebuild if partition in owned}
        fresh = [partition for partition in owned if partition not in self._owned]
        found = self._snapshots.load() if fresh else {}
        for partition in fresh:
            state = beginning.begun(self._consumer, partition, found)
            if state is not None:
                self._owned[partition] = self._begin(partition, state)
        self._waiting = {partition for partition in owned if partition not in self._owned}
        self._hold_back()
        if gone or not fresh or len(self._waiting) < len(fresh):
            taken = sorted(f"{p.topic}|{p.partition}" for p in self._owned)
            self._log.info("partitions taken", partitions=taken, waiting=len(self._waiting))
        offsets = {partition: own.state.covers_offset + 1 for partition, own in self._owned.items()}
        return {partition: offsets.get(partition) or None for partition in owned}

    def _begin(self, partition: Any, state: PartitionState) -> _Owned:
        partitions = self._consumer.partitions(partition.topic)
        decoder = Decoder(partition.topic, partition.partition, partitions, state.successor)
        self._rebuild |= {(partition, city) for city in state.cities}
        return _Owned(state, decoder, measuring.Counts.since(state), state.covers_offset, self._monotonic())

    def _take(self, partition: Any, records: list[Any]) -> None:
        own = self._owned[partition]
        if records[0].offset <= own.state.covers_offset:
            records = [record for record in records if record.offset > own.state.covers_offset]
        if not records:
            return
        decoded = own.decoder.decode(records)
        closed = own.state.take(decoded.segments, decoded.last_offset, decoded.sealed)
        own.closed_since_snapshot |= bool(closed)
        if decoded.sealed is not None:
            # Its successor waits for it.
            own.snapshot_at = -math.inf
            measuring.stands_still(own.state)
        own.newest_log_ms = records[-1].timestamp or 0
        own.oldest_unseen_ms = own.oldest_unseen_ms or records[0].timestamp or 0
        self._closed += closed
        self._dead += [(partition, dead) for dead in decoded.dead]
        self._traced += [(partition.topic, partition.partition, traced) for traced in decoded.traced]
        own.counts.count(own.state)

    def publish(self) -> bool:
        """Write what has changed; False, with everything kept for the next time, when Redis or Kafka is out of reach.

        Until both have acknowledged nothing more is read, so what is kept is bounded by one read of the log.
        """
        metrics.INGEST_HELD.set(len(self._closed) + len(self._dead))
        try:
            self._to_redis()
            self.problems["window"] = None
            self._seen()
            if self._closed or self._dead:
                self._to_kafka()
                self.problems["log_writes"] = None
        except WindowUnavailable as error:
            self.problems.found("window", error)
            # What a failed write left behind is unknown, and a Redis that comes back may be empty.
            self._rebuild |= {(p, city) for p, own in self._owned.items() for city in own.state.cities}
            self._set_paused(True)
            return False
        except LogUnavailable as error:
            self.problems.found("log_writes", error)
            self._set_paused(True)
            return False
        self._set_paused(False)
        self._end_traces()
        metrics.INGEST_HELD.set(0)
        return True

    def _seen(self) -> None:
        """Front ends can see now what was read; a record's way was as long as that of the oldest read with it."""
        for partition, own in self._owned.items():
            if own.oldest_unseen_ms:
                waited = max(0.0, (wall_ms() - own.oldest_unseen_ms) / 1000)
                metrics.EVENT_TO_WINDOW_SECONDS.labels(topic_of(partition.topic)).observe(waited)
                own.oldest_unseen_ms = 0

    def _end_traces(self) -> None:
        """An event's trace ends where front ends can see it: from the log's own time to its pane in Redis."""
        for topic, partition, traced in self._traced:
            tracing.took_over(
                f"pane {topic}",
                traced.traceparent,
                traced.log_ms,
                wall_ms(),
                messaging__system="kafka",
                messaging__destination__name=topic,
                messaging__destination__partition__id=str(partition),
                messaging__kafka__offset=traced.offset,
            )
        self._traced = []

    def _set_paused(self, paused: bool) -> None:
        if paused != self._paused:
            self._paused = paused
            self._hold_back()

    def _hold_back(self) -> None:
        self._consumer.hold_back(self._consumer.owned if self._paused else self._waiting)

    def _to_redis(self) -> None:
        closed: dict[tuple[str, str, int], list[tuple[str, bytes]]] = {}
        for register in self._closed:
            at = (register.city, register.topic, register.partition)
            closed.setdefault(at, []).append((register.key, pane_bytes.encode(pane_bytes.exact(register))))
        by_city: dict[str, list[tuple[Any, _Owned, CityState]]] = {}
        # What was taken over has an offset of its own from its first record on.
        begun = [(partition, own) for partition, own in self._owned.items() if own.state.covers_offset >= 0]
        for partition, own in begun:
            for city, state in own.state.cities.items():
                if state.changed or (partition, city) in self._rebuild:
                    by_city.setdefault(city, []).append((partition, own, state))
        for city, changed in by_city.items():
            if not self._city_to_redis(city, changed, closed):
                # Redis has lost what was written before: write the whole window of every partition of the city.
                metrics.WINDOW_REBUILDS.inc()
                self._log.warning("the live window was lost and is written again", city=city)
                everything = [(p, own, own.state.cities[city]) for p, own in begun if city in own.state.cities]
                self._rebuild |= {(partition, city) for partition, _own, _state in everything}
                self._city_to_redis(city, everything, closed)

    def _city_to_redis(
        self,
        city: str,
        changed: list[tuple[Any, _Owned, CityState]],
        closed: dict[tuple[str, str, int], list[tuple[str, bytes]]],
    ) -> bool:
        """Write some partitions of a city; False when Redis turns out not to hold what was written last."""
        registers: list[tuple[str, bytes]] = []
        statuses = []
        for partition, own, state in changed:
            covers = own.state.covers_offset
            if (partition, city) in self._rebuild:
                registers += [(encoded.key, encoded.data) for encoded in state.window]
            else:
                registers += closed.get((city, state.topic, state.partition), [])
            registers += [(r.key, pane_bytes.encode(r)) for r in state.open_registers(covers)]
            statuses.append(
                PartitionStatus(state.topic, state.partition, covers, state.log_time_ms, state.applied, state.rejected)
            )
        with metrics.WINDOW_WRITE_SECONDS.time():
            if registers:
                metrics.PANES_WRITTEN.labels("redis").inc(self._window.put_bytes(city, registers))
            before = self._window.put_status(city, statuses)
            for _partition, _own, state in changed:
                if observations := newest_weather(state):
                    self._window.put_weather(city, observations)
        kept = True
        for (partition, _own, state), status, held in zip(changed, statuses, before, strict=True):
            wrote = self._written.get((city, status.field))
            rebuilt = (partition, city) in self._rebuild
            kept &= rebuilt or wrote is None or (held is not None and held >= wrote)
            self._written[city, status.field] = status.covers_offset
            self._rebuild.discard((partition, city))
            state.changed = False
        return kept

    def _to_kafka(self) -> None:
        headers: Headers = [("content-type", PANE.encode())]
        futures = [
            self._producer.send("panes", pane_bytes.encode(register), register.key.encode(), headers)
            for register in self._closed
        ]
        futures += [
            send_dead_letter(self._producer, dead, partition.topic, partition.partition, dead.reason, dead.error)
            for partition, dead in self._dead
        ]
        if futures:
            self._producer.wait(futures)
        metrics.PANES_WRITTEN.labels("kafka").inc(len(self._closed))
        self._errors.closed(self._closed, self._state_of)
        for partition, dead in self._dead:
            metrics.DEAD_LETTERS.labels(topic_of(partition.topic), dead.reason).inc()
        self._closed, self._dead = [], []

    def _state_of(self, register: PaneRegister) -> CityState | None:
        own = self._owned.get((register.topic, register.partition))
        return None if own is None else own.state.cities.get(register.city)

    def _snapshot_due(self, now: float) -> None:
        for partition, own in self._owned.items():
            age = now - own.snapshot_at
            due = age >= self._settings.snapshot_seconds or (
                own.closed_since_snapshot and age >= self._settings.snapshot_least_seconds
            )
            if due and own.state.covers_offset > own.snapshot_offset and not self._snapshot(partition, own):
                return

    def _snapshot(self, partition: Any, own: _Owned) -> bool:
        covers = own.state.covers_offset
        try:
            with metrics.SNAPSHOT_SECONDS.time():
                self._snapshots.save(partition.topic, partition.partition, covers, own.state.snapshot())
        except LogUnavailable as error:
            self.problems.found("log_writes", error)
            return False
        self.problems["log_writes"] = None
        own.snapshot_offset, own.snapshot_at, own.closed_since_snapshot = covers, self._monotonic(), False
        self._consumer.commit({partition: covers + 1})
        return True

    def _last_words(self, partitions: list[Any]) -> None:
        """Write what partitions have come to, so that the next owner replays nothing; it may, and then loses nothing.

        A log that did not take one snapshot is not asked to take the others: each would wait as long.
        """
        if self.publish():
            for partition in partitions:
                own = self._owned[partition]
                if own.state.covers_offset > own.snapshot_offset and not self._snapshot(partition, own):
                    return

    def _measure(self) -> None:
        states = {partition: own.state for partition, own in self._owned.items()}
        measuring.window(states.values())
        newest = {partition: own.newest_log_ms for partition, own in self._owned.items()}
        try:
            measuring.lag(self._consumer.end_offsets, states, newest)
            self.problems["brokers"] = None
        except LogUnavailable as error:
            self.problems.found("brokers", error)

    def close(self) -> None:
        """Write everything, remember how far, and leave the group."""
        self._last_words(list(self._owned))
        self._consumer.close()
        self._producer.close()
