"""What every booking ledger promises: the memory twin and Cassandra."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import uuid
from collections.abc import Iterator

import pytest

from local.stack import Addresses
from wayfare.adapters.cassandra_ledger import CassandraLedger
from wayfare.adapters.cassandra_session import LazySession, connect
from wayfare.adapters.memory_ledger import MemoryLedger
from wayfare.domain.errors import LedgerUnavailable
from wayfare.domain.pricing.ledger import BOOKED, NOT_BOOKED, Intent, Ledger, LedgerRow, bucket_of
from wayfare.runtime.settings import CassandraSettings

NOW = 1_795_250_000_123


@pytest.fixture(scope="module")
def session(servers: Addresses) -> Iterator[LazySession]:
    settings = CassandraSettings(
        state=servers.state,
        cassandra_hosts=servers.cassandra_hosts,
        cassandra_timeout_seconds=20.0,
    )
    lazy = connect(settings)
    yield lazy
    lazy.close()


@pytest.fixture(params=["memory", "cassandra", "cassandra across data centers"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    if request.param == "memory":
        return MemoryLedger()
    return CassandraLedger(request.getfixturevalue("session"), request.param.endswith("centers"))


def row(quote_id: str, attempt: str = "a1", outcome: str = BOOKED) -> LedgerRow:
    booked = outcome == BOOKED
    answer = {"booking_id": "b-1", "price": {"amount_minor": 2220, "currency": "USD"}} if booked else {}
    return LedgerRow(
        quote_id, "b-1" if booked else None, "sim", "r-1" if booked else None, outcome, answer, attempt, NOW
    )


def new_quote() -> str:
    return f"q-{uuid.uuid4().hex}"


def test_the_first_decision_stands_and_is_read_as_it_was_written(ledger: Ledger) -> None:
    quote_id = new_quote()
    assert ledger.read(quote_id, 20.0) is None
    assert ledger.decide(row(quote_id), 20.0) is None
    assert ledger.read(quote_id, 20.0) == row(quote_id)


@pytest.mark.parametrize("outcome", [BOOKED, NOT_BOOKED])
def test_a_later_decision_changes_nothing_and_is_told_what_stands(ledger: Ledger, outcome: str) -> None:
    quote_id = new_quote()
    first = row(quote_id, "a1", outcome)
    assert ledger.decide(first, 20.0) is None
    assert ledger.decide(row(quote_id, "a2"), 20.0) == first
    assert ledger.decide(row(quote_id, "a3", NOT_BOOKED), 20.0) == first
    assert ledger.read(quote_id, 20.0) == first


def test_of_twenty_racing_decisions_exactly_one_wins(ledger: Ledger) -> None:
    quote_id = new_quote()

    def decide(number: int) -> str | None:
        attempt = f"a{number}"
        try:
            standing = ledger.decide(row(quote_id, attempt), 20.0)
        except LedgerUnavailable:
            standing = ledger.read(quote_id, 20.0)
        return None if standing is None or standing.attempt == attempt else standing.attempt

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        told = list(pool.map(decide, range(20)))
    assert told.count(None) == 1
    winner = f"a{told.index(None)}"
    assert set(told) == {None, winner}
    standing = ledger.read(quote_id, 20.0)
    assert standing is not None
    assert standing.attempt == winner


def test_intents_are_found_in_their_bucket_until_they_are_forgotten(ledger: Ledger) -> None:
    # Buckets of a far future are nobody else's.
    bucket = bucket_of(4_000_000_000_000 + uuid.uuid4().int % 10**12)
    intents = [Intent(bucket, new_quote(), NOW + 300_000, {"quote_id": "q", "price": 1}) for _ in range(3)]
    for intent in intents:
        ledger.announce(intent, 20.0)
    by_quote = sorted(intents, key=lambda intent: intent.quote_id)
    assert ledger.intents(bucket) == by_quote
    assert ledger.intents(bucket + 60_000) == []
    ledger.forget(by_quote[1])
    ledger.forget(by_quote[1])
    assert ledger.intents(bucket) == [by_quote[0], by_quote[2]]


def test_announcing_twice_keeps_one_intent(ledger: Ledger) -> None:
    bucket = bucket_of(4_000_000_000_000 + uuid.uuid4().int % 10**12)
    intent = Intent(bucket, new_quote(), NOW, {"try": 1})
    ledger.announce(intent, 20.0)
    again = dataclasses.replace(intent, record={"try": 2})
    ledger.announce(again, 20.0)
    assert ledger.intents(bucket) == [again]


def test_a_ledger_that_does_not_answer_says_so_in_the_domains_words() -> None:
    nowhere = CassandraSettings(state="/tmp", cassandra_hosts="127.0.0.1:1", cassandra_timeout_seconds=0.5)
    lazy = connect(nowhere)
    real = CassandraLedger(lazy)
    twin = MemoryLedger()
    twin.unavailable = True
    intent = Intent(0, "q-1", 0, {})
    for ledger in (real, twin):
        for ask in (
            lambda ledger=ledger: ledger.read("q-1", 0.5),
            lambda ledger=ledger: ledger.decide(row("q-1"), 0.5),
            lambda ledger=ledger: ledger.announce(intent, 0.5),
            lambda ledger=ledger: ledger.intents(0),
            lambda ledger=ledger: ledger.forget(intent),
        ):
            with pytest.raises(LedgerUnavailable):
                ask()
    lazy.close()


def test_an_answer_that_does_not_come_in_time_is_unavailable(session: LazySession) -> None:
    ledger = CassandraLedger(session)
    ledger.read("q-warm", 20.0)
    with pytest.raises(LedgerUnavailable):
        ledger.decide(row(new_quote()), 1e-9)
