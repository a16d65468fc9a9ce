"""Relaying and settling over twins of the ledger and the log; the group itself is proven on the real server."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from prometheus_client import REGISTRY

from services.booking_relay.settings import RelaySettings
from services.booking_relay.steps import Relay, Settler
from wayfare.adapters.memory_ledger import MemoryLedger
from wayfare.adapters.memory_log import MemoryRecordLog
from wayfare.domain.errors import LedgerUnavailable, LogUnavailable
from wayfare.domain.pricing.ledger import BOOKED, NOT_BOOKED, Intent, LedgerRow, bucket_of
from wayfare.domain.pricing.outbox import OpenBuckets
from wayfare.domain.pricing.records import PREDICTIONS, booking_record, prediction_record
from wayfare.domain.pricing.waiting import Waiting
from wayfare.domain.times import DAY_MS, format_rfc3339

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


def test_a_booking_is_told_once_and_its_intent_forgotten(world):
    world.announce("q-1")
    world.book("q-1")
    world.relay.step()
    world.relay.step()
    assert world.told == [("q-1", BOOKED)]
    assert world.ledger.announced == {}
    assert world.log.records["bookings"][0][1]["price"] == {"amount_minor": 2220, "currency": "USD"}
    assert world.log.records["bookings"][0][1]["multiplier"] == 1.5


def test_an_intent_without_a_booking_is_looked_at_until_it_is_decided(world):
    world.announce("q-1")
    world.relay.step()
    assert world.told == []
    world.book("q-1")
    world.relay.step()
    assert world.told == [("q-1", BOOKED)]


def test_an_intent_that_can_no_longer_be_booked_is_decided_and_forgotten(world):
    world.announce("q-1")
    world.relay.step()
    world.now += LIFE + GRACE + 1
    world.relay.step()
    assert world.ledger.rows["q-1"].outcome == NOT_BOOKED
    assert world.told == [("q-1", NOT_BOOKED)]
    assert world.ledger.announced == {}


def test_a_booking_made_while_the_relay_was_down_is_told_at_the_next_start(world):
    world.announce("q-1", NOW - 3 * DAY_MS)
    world.book("q-1")
    world.restart()
    for _ in range(1_100):
        world.relay.step()
    assert world.told == [("q-1", BOOKED)]
    assert world.relay.buckets.backlog == 0


def test_a_backlog_never_holds_up_what_was_booked_just_now(world):
    world.announce("q-new")
    world.book("q-new")
    world.relay.step()
    assert world.told == [("q-new", BOOKED)]
    assert world.relay.buckets.backlog > 0


def test_when_the_log_is_away_the_intent_stays(world):
    world.announce("q-1")
    world.book("q-1")
    world.log.unavailable = True
    world.relay.step()
    assert world.relay.problems["outbox"] is not None
    assert len(world.ledger.announced) == 1
    world.log.unavailable = False
    world.relay.step()
    assert world.relay.problems["outbox"] is None
    assert world.told == [("q-1", BOOKED)]


def test_a_crash_between_telling_and_forgetting_tells_the_same_twice(world):
    world.announce("q-1")
    world.book("q-1")
    forget, world.ledger.forget = world.ledger.forget, lambda intent: (_ for _ in ()).throw(LedgerUnavailable("gone"))
    world.relay.step()
    world.ledger.forget = forget
    world.restart()
    world.relay.step()
    assert world.told == [("q-1", BOOKED), ("q-1", BOOKED)]
    assert world.ledger.announced == {}


def test_each_quote_is_relayed_by_the_process_that_reads_its_partition(world):
    for number in range(40):
        world.announce(f"q-{number}")
        world.book(f"q-{number}")
    told = []
    for owned in ({0, 1}, {2, 3}):
        world.group.owned = frozenset(at(*owned))
        world.relay.step()
        told.append(len(world.told))
    assert 0 < told[0] < told[1] == 40
    assert len(set(world.told)) == 40


def test_a_quote_that_ends_unused_is_not_booked_after_its_grace(world):
    world.predict("q-1", 7)
    world.settler.step()
    world.now += LIFE + GRACE
    world.settler.step()
    assert world.told == []
    assert world.committed == {}
    world.now += 1
    world.settler.step()
    assert world.told == [("q-1", NOT_BOOKED)]
    record = world.log.records["bookings"][0][1]
    assert record["t"] == format_rfc3339(NOW + LIFE)
    assert record["booking_id"] is None
    assert record["price"] == {"amount_minor": 2220, "currency": "USD"}
    assert record["multiplier"] == 1.5
    assert world.committed == {0: 8}


def test_lag_is_what_waits_to_be_settled(world):
    def lag() -> float | None:
        partition = {"topic": PREDICTIONS, "partition": "0"}
        return REGISTRY.get_sample_value("wayfare_consumer_lag_records", partition)

    world.predict("q-1", 7)
    world.settler.step()
    assert lag() == 10
    world.now += LIFE + GRACE + 1
    world.settler.step()
    assert lag() == 2
    world.restart()
    world.group.changed = True
    world.settler.step()
    assert lag() == 2


def test_a_quote_that_was_booked_is_left_to_the_relay(world):
    world.predict("q-1", 0)
    world.book("q-1")
    world.now += LIFE + GRACE + 1
    world.settler.step()
    assert world.told == []
    assert world.committed == {0: 1}


def test_offsets_are_stored_only_up_to_what_is_certain(world):
    for offset in range(4):
        world.predict(f"q-{offset}", offset)
    world.settler.step()
    decide = world.ledger.decide

    def fails_for_the_third(row, timeout_s):
        if row.quote_id == "q-2":
            raise LedgerUnavailable("timed out")
        return decide(row, timeout_s)

    world.ledger.decide = fails_for_the_third
    world.now += LIFE + GRACE + 1
    world.settler.step()
    assert world.settler.problems["settling"] == "timed out"
    assert world.committed == {0: 2}
    world.ledger.decide = decide
    world.settler.step()
    assert world.committed == {0: 4}
    assert sorted(set(world.told)) == [(f"q-{number}", NOT_BOOKED) for number in range(4)]
    assert len(world.told) == 4


def test_when_the_log_is_away_nothing_counts_as_settled(world):
    world.predict("q-1", 0)
    world.now += LIFE + GRACE + 1
    world.log.unavailable = True
    world.settler.step()
    assert world.settler.problems["settling"] is not None
    assert world.committed == {}
    world.log.unavailable = False
    world.settler.step()
    assert world.told == [("q-1", NOT_BOOKED)]


def test_a_redelivered_prediction_is_told_again_rather_than_never(world):
    for _ in range(2):
        world.predict("q-1", 0)
        world.settler.step()
        world.now += LIFE + GRACE + 1
        world.settler.step()
        world.now = NOW
    assert world.told == [("q-1", NOT_BOOKED)] * 2


@pytest.mark.parametrize("value", [b"\xff", b"[]", b"{}", b'{"quote_id": "q-1", "city": "sim", "price": 3}'])
def test_what_is_no_prediction_stops_nobody_behind_it(world, value):
    world.read(value, 0)
    world.predict("q-1", 1)
    world.settler.step()
    world.now += LIFE + GRACE + 1
    world.settler.step()
    assert world.told == [("q-1", NOT_BOOKED)]
    assert world.committed == {0: 2}


def test_a_partition_that_went_away_is_forgotten(world):
    world.predict("q-1", 0, partition=3)
    world.settler.step()
    world.group.owned, world.group.changed = frozenset(at(0)), True
    world.group.offsets = dict.fromkeys(at(0), 17)
    world.settler.step()
    assert world.group.sought == dict.fromkeys(at(0), 17)
    world.now += LIFE + GRACE + 1
    world.settler.step()
    assert world.told == []


def test_what_was_held_of_a_partition_that_stays_is_read_again_from_what_was_committed(world):
    world.predict("q-1", 0)
    world.settler.step()
    world.group.changed = True
    world.settler.step()
    assert world.group.sought == dict.fromkeys(at(0, 1, 2, 3))
    world.predict("q-1", 0)
    world.now += LIFE + GRACE + 1
    world.settler.step()
    assert world.told == [("q-1", NOT_BOOKED)]
    assert world.committed == {0: 1}


def test_a_log_that_cannot_be_read_is_a_problem_until_it_can(world):
    world.group.broken = True
    world.settler.step()
    assert world.settler.problems["predictions"] == "broken on purpose"
    world.group.broken = False
    world.settler.step()
    assert not any(world.settler.problems.values())


def test_a_partition_with_too_many_waiting_is_held_back(tmp_path):
    world = World(tmp_path, hold_most=2)
    for offset in range(2):
        world.predict(f"q-{offset}", offset, partition=1)
    world.settler.step()
    assert world.group.held_back == set(at(1))
    world.now += LIFE + GRACE + 1
    world.settler.step()
    world.settler.step()
    assert world.group.held_back == set()


def test_a_price_never_changes_between_intent_and_log(world):
    intent = world.announce("q-1")
    world.book("q-1")
    world.relay.step()
    assert world.log.records["bookings"] == [("q-1", dict(intent.record))]
    assert dataclasses.asdict(intent)["record"]["outcome"] == BOOKED
