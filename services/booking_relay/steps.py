"""The two things that booking_relay does: it relays intents, and it settles quotes that ended."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from services.booking_relay.settings import RelaySettings
from wayfare.adapters.kafka_group import GroupConsumer
from wayfare.domain.errors import InvalidInput, LedgerUnavailable, LogUnavailable
from wayfare.domain.pricing.ledger import Ledger
from wayfare.domain.pricing.outbox import OpenBuckets
from wayfare.domain.pricing.records import PREDICTIONS
from wayfare.domain.pricing.settlement import Unsettled, relay_intent, settle_expired, unsettled
from wayfare.domain.pricing.waiting import Held, Waiting
from wayfare.domain.streams.log import RecordLog
from wayfare.domain.streams.partition import partition_of
from wayfare.inventory import topic
from wayfare.runtime import logs
from wayfare.runtime.lag import ConsumerLag
from wayfare.runtime.metrics import BOOKINGS_RELAYED, QUOTES_SETTLED
from wayfare.runtime.worker import Problems

OLD_BUCKETS_AT_ONCE = 10
DUE_AT_ONCE = 50
POLL_MOST = 2_000


@dataclass
class Relay:
    """Looks through the outbox. Of several processes each relays the quotes of the partitions that it reads."""

    ledger: Ledger
    log: RecordLog
    group: GroupConsumer
    buckets: OpenBuckets
    settings: RelaySettings
    wall_ms: Callable[[], int]
    problems: Problems = field(default_factory=lambda: Problems(outbox="the outbox was not read yet"))

    def step(self) -> None:
        """Look at every bucket that is due once."""
        owned = {partition.partition for partition in self.group.owned}
        if not owned:
            return
        try:
            for bucket in self.buckets.due(self.wall_ms(), OLD_BUCKETS_AT_ONCE):
                self._look(bucket, owned)
            self.problems["outbox"] = None
        except (LedgerUnavailable, LogUnavailable) as error:
            self.problems.found("outbox", error)

    def _look(self, bucket: int, owned: set[int]) -> None:
        grace_ms = round(self.settings.grace_seconds * 1000)
        partitions = topic(PREDICTIONS).partitions
        left = 0
        try:
            for intent in self.ledger.intents(bucket):
                left += 1
                if partition_of(intent.quote_id, partitions) not in owned:
                    continue
                timeout_s = self.settings.cassandra_timeout_seconds
                if relay_intent(intent, self.ledger, self.log, self.wall_ms(), grace_ms, timeout_s):
                    left -= 1
                    BOOKINGS_RELAYED.inc()
        except (LedgerUnavailable, LogUnavailable):
            left += 1
            raise
        finally:
            self.buckets.looked(bucket, self.wall_ms(), left)


@dataclass
class Settler:
    """Reads predictions, waits for each quote's end, and settles it."""

    ledger: Ledger
    log: RecordLog
    group: GroupConsumer
    waiting: Waiting
    settings: RelaySettings
    wall_ms: Callable[[], int]
    pool: ThreadPoolExecutor
    problems: Problems = field(
        default_factory=lambda: Problems(predictions="not connected yet", brokers=None, settling=None)
    )
    _settled: dict[Any, int] = field(default_factory=dict)
    _lag: ConsumerLag = field(default_factory=ConsumerLag)

    def step(self) -> None:
        """Read what is there, settle what is due, commit how far that is certain."""
        try:
            batches = self.group.poll(0.2, self._resume)
            self.problems["predictions"] = self.group.problem
        except LogUnavailable as error:
            self.problems.found("predictions", error)
            return
        for partition, records in batches.items():
            for record in records:
                self.waiting.add(partition, record.offset, _quote_of(record.value))
        most = self.settings.hold_most
        self.group.hold_back({partition for partition in self.group.owned if self.waiting.size(partition) >= most})
        failures: list[Exception] = []
        due = self.waiting.due(self.wall_ms(), DUE_AT_ONCE)
        list(self.pool.map(lambda held: self._settle(held, failures), due))
        finished = self.waiting.finished()
        self._settled |= finished
        self.group.commit(finished)
        if failures:
            self.problems.found("settling", failures[0])
        else:
            self.problems["settling"] = None
        now = self.wall_ms() / 1000
        self._lag.measure(now, self.group.end_offsets, lambda at: self._settled.get(at, 0), self.problems)

    def _resume(self, owned: frozenset[Any]) -> Mapping[Any, int | None]:
        self.waiting.clear()
        committed = self.group.committed(owned)
        self._settled = {partition: offset or 0 for partition, offset in committed.items()}
        return committed

    def _settle(self, held: Held, failures: list[Exception]) -> None:
        if failures:
            # A ledger that hangs must not keep this process from polling until the group gives its share away.
            return
        assert held.quote is not None
        try:
            outcome = settle_expired(
                held.quote, self.ledger, self.log, self.wall_ms(), self.settings.cassandra_timeout_seconds
            )
        except (LedgerUnavailable, LogUnavailable) as error:
            failures.append(error)
            return
        held.settled = True
        QUOTES_SETTLED.labels(outcome).inc()


def _quote_of(value: bytes) -> Unsettled | None:
    try:
        return unsettled(json.loads(value))
    except (ValueError, InvalidInput) as error:
        # The lander sends the record to its dead-letter topic; here it only must not stop those behind it.
        QUOTES_SETTLED.labels("unreadable").inc()
        logs.logger().warning("a prediction cannot be read", reason=str(error))
        return None
