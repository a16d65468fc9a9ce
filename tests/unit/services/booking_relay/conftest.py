"""Twins of the ledger, the log and the group, for relaying and settling; the group itself is proven on the real server."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from services.booking_relay.settings import RelaySettings
from services.booking_relay.steps import Relay, Settler
from wayfare.adapters.memory_ledger import MemoryLedger
from wayfare.adapters.memory_log import MemoryRecordLog
from wayfare.domain.errors import LogUnavailable
from wayfare.domain.pricing.ledger import BOOKED, Intent, LedgerRow, bucket_of
from wayfare.domain.pricing.outbox import OpenBuckets
from wayfare.domain.pricing.records import booking_record, prediction_record
from wayfare.domain.pricing.waiting import Waiting
from wayfare.domain.times import DAY_MS

NOW = 1_795_250_000_000
LIFE, GRACE = 300_000, 15_000


class Partition(NamedTuple):
    topic: str
    partition: int


def at(*numbers: int) -> list[Partition]:
    return [Partition("predictions", number) for number in numbers]


class Record(NamedTuple):
    offset: int
    value: bytes


class Group:
    """A member that owns `owned` and reads what the test puts into `records`; `changed` shares out anew."""

    def __init__(self) -> None:
        self.owned = frozenset(at(0, 1, 2, 3))
        self.problem = None
        self.records: dict[Partition, list[Record]] = {}
        self.changed = False
        self.broken = False
        self.offsets: dict[Partition, int] = {}
        self.sought: dict[Partition, int | None] = {}
        self.held_back: set[Partition] = set()

    def poll(self, seconds, resume):
        if self.broken:
            raise LogUnavailable("broken on purpose")
        if self.changed:
            self.sought, self.changed = resume(self.owned), False
            return {}
        taken, self.records = self.records, {}
        return taken

    def hold_back(self, partitions):
        self.held_back = set(partitions)

    def committed(self, partitions):
        return {partition: self.offsets.get(partition) for partition in partitions}

    def commit(self, offsets):
        self.offsets |= offsets

    def end_offsets(self, seconds):
        if self.broken:
            raise LogUnavailable("broken on purpose")
        return dict.fromkeys(self.owned, 10)


class World:
    def __init__(self, tmp_path, **settings) -> None:
        self.now = NOW
        self.settings = RelaySettings(state=tmp_path, kafka_bootstrap="none", cassandra_hosts="none", **settings)
        self.ledger, self.log, self.group = MemoryLedger(), MemoryRecordLog(), Group()
        self.waiting = Waiting(GRACE)
        self.restart()

    def restart(self) -> None:
        """A new process over the same ledger and log."""
        buckets = OpenBuckets(self.now, 300_000, 7 * DAY_MS, 10_000)
        self.relay = Relay(self.ledger, self.log, self.group, buckets, self.settings, self.wall)
        self.settler = Settler(
            self.ledger, self.log, self.group, self.waiting, self.settings, self.wall, ThreadPoolExecutor(2)
        )

    def wall(self) -> int:
        return self.now

    def announce(self, quote_id: str, at: int | None = None) -> Intent:
        at = self.now if at is None else at
        record = booking_record(
            quote_id=quote_id, booking_id=f"b-{quote_id[2:]}", city="sim", rider="p-1", price_minor=2220,
            currency="USD", outcome=BOOKED, t_ms=at, multiplier=1.5,
        )  # fmt: skip
        intent = Intent(bucket_of(at), quote_id, at + LIFE, record)
        self.ledger.announce(intent, 1.0)
        return intent

    def book(self, quote_id: str) -> None:
        row = LedgerRow(quote_id, f"b-{quote_id[2:]}", "sim", "r-1", BOOKED, {}, "a", self.now)
        assert self.ledger.decide(row, 1.0) is None

    def predict(self, quote_id: str, offset: int, partition: int = 0) -> None:
        record = prediction_record(
            quote_id=quote_id, rider="p-1", city="sim", model="surge-sim", version=1, arm="stable",
            price_source="model", multiplier=1.5, at_least=None, feature_names=(), features=(), price_minor=2220,
            currency="USD", degraded=(), t_ms=self.now, expires_t_ms=self.now + LIFE, expires_at_ms=self.now + LIFE,
        )  # fmt: skip
        self.read(json.dumps(record).encode(), offset, partition)

    def read(self, value: bytes, offset: int, partition: int = 0) -> None:
        self.group.records.setdefault(*at(partition), []).append(Record(offset, value))

    @property
    def committed(self) -> dict[int, int]:
        return {partition.partition: offset for partition, offset in self.group.offsets.items()}

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(record["quote_id"], record["outcome"]) for _, record in self.log.records.get("bookings", [])]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)
