"""Intents of bookings are relayed to the log, whatever dies in between."""

from __future__ import annotations

import dataclasses

from tests.unit.services.booking_relay.conftest import GRACE, LIFE, NOW, at
from wayfare.domain.errors import LedgerUnavailable
from wayfare.domain.pricing.ledger import BOOKED, NOT_BOOKED
from wayfare.domain.times import DAY_MS


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


def test_a_price_never_changes_between_intent_and_log(world):
    intent = world.announce("q-1")
    world.book("q-1")
    world.relay.step()
    assert world.log.records["bookings"] == [("q-1", dict(intent.record))]
    assert dataclasses.asdict(intent)["record"]["outcome"] == BOOKED
