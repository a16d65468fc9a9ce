"""Quotes that ended unused are settled, and only what is certain counts as read."""

from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from tests.unit.services.booking_relay.conftest import GRACE, LIFE, NOW, World, at
from wayfare.domain.errors import LedgerUnavailable
from wayfare.domain.pricing.ledger import NOT_BOOKED
from wayfare.domain.pricing.records import PREDICTIONS
from wayfare.domain.times import format_rfc3339


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
