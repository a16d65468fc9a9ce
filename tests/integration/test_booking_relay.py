"""booking_relay as a process over the real Kafka and Cassandra."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import kafka
import pytest

from local.stack import Addresses
from wayfare.adapters.cassandra_ledger import CassandraLedger
from wayfare.adapters.cassandra_session import LazySession, connect
from wayfare.adapters.kafka_records import KafkaRecordLog
from wayfare.domain.pricing.ledger import BOOKED, NOT_BOOKED, Intent, LedgerRow, bucket_of
from wayfare.domain.pricing.records import booking_record, prediction_record
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.settings import CassandraSettings


class Relay:
    """The process, started and killed at will."""

    def __init__(self, servers: Addresses) -> None:
        self._environment = {
            **os.environ,
            "WAYFARE_STATE": str(servers.state),
            "WAYFARE_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
            "WAYFARE_CASSANDRA_HOSTS": servers.cassandra_hosts,
            "WAYFARE_GRACE_SECONDS": "0.5",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "services.booking_relay.main"]
        self.process = subprocess.Popen(command, env=self._environment, stdout=subprocess.DEVNULL)

    def end(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def relay(servers: Addresses) -> Iterator[Relay]:
    found = Relay(servers)
    found.start()
    yield found
    if found.process is not None and found.process.poll() is None:
        found.end(signal.SIGKILL)


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


@pytest.fixture
def told(servers: Addresses) -> Iterator[dict[str, list[tuple[str, int]]]]:
    """What `bookings` tells from now on, by quote: outcome and when the log took it (wall time in ms)."""
    reader = _Told(servers.kafka_bootstrap)
    yield reader
    reader.close()


class _Told(dict[str, list[tuple[str, int]]]):
    def __init__(self, bootstrap: str) -> None:
        super().__init__()
        self._consumer = kafka.KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        places = [kafka.TopicPartition("bookings", p) for p in sorted(self._consumer.partitions_for_topic("bookings"))]
        self._consumer.assign(places)
        self._consumer.seek_to_end(*places)
        for place in places:
            self._consumer.position(place)

    def wait_for(self, *quotes: str, seconds: float = 30.0) -> None:
        ends = time.monotonic() + seconds
        while not all(quote in self for quote in quotes) and time.monotonic() < ends:
            for records in self._consumer.poll(timeout_ms=100).values():
                for record in records:
                    value = json.loads(record.value)
                    self.setdefault(value["quote_id"], []).append((value["outcome"], record.timestamp))

    def close(self) -> None:
        self._consumer.close()


def book(ledger: CassandraLedger, quote_id: str) -> int:
    now = wall_ms()
    record = booking_record(
        quote_id=quote_id, booking_id=f"b-{quote_id[2:]}", city="sim", rider="p-1", price_minor=2220, currency="USD",
        outcome=BOOKED, t_ms=now, multiplier=1.5,
    )  # fmt: skip
    ledger.announce(Intent(bucket_of(now), quote_id, now + 300_000, record), 20.0)
    row = LedgerRow(quote_id, f"b-{quote_id[2:]}", "sim", "r-1", BOOKED, {}, "a", now)
    assert ledger.decide(row, 20.0) is None
    return wall_ms()


def predict(log: KafkaRecordLog, quote_id: str, expires_in_ms: int) -> None:
    ends = wall_ms() + expires_in_ms
    record = prediction_record(
        quote_id=quote_id, rider="p-1", city="sim", model="surge-sim", version=1, arm="stable", price_source="model",
        multiplier=1.5, at_least=None, feature_names=(), features=(), price_minor=2220, currency="USD", degraded=(),
        t_ms=ends - 300_000, expires_t_ms=ends, expires_at_ms=ends,
    )  # fmt: skip
    log.append("predictions", quote_id, record)


def test_bookings_are_told_within_two_seconds_and_unused_quotes_when_they_end_even_after_a_kill(
    servers: Addresses, relay: Relay, session: LazySession, told: _Told
) -> None:
    ledger = CassandraLedger(session)
    log = KafkaRecordLog({"bootstrap_servers": servers.kafka_bootstrap})
    warm, quick, unused, killed, late = (f"q-{uuid.uuid4().hex}" for _ in range(5))
    book(ledger, warm)
    # Servers that other tests share hold unsettled quotes of theirs: these stand behind them in every partition.
    behind = [f"q-{uuid.uuid4().hex}" for _ in range(16)]
    for quote_id in behind:
        predict(log, quote_id, 0)
    told.wait_for(warm, *behind, seconds=120)
    assert told[warm][0][0] == BOOKED

    booked_at = book(ledger, quick)
    predict(log, quick, 0)
    predict(log, unused, 0)
    told.wait_for(quick, unused)
    assert told[quick][0][1] - booked_at < 2_000
    assert [outcome for outcome, _ in told[quick]] == [BOOKED]
    assert told[unused][0][0] == NOT_BOOKED
    standing = ledger.read(unused, 20.0)
    assert standing is not None
    assert standing.outcome == NOT_BOOKED

    relay.end(signal.SIGKILL)
    book(ledger, killed)
    predict(log, late, 0)
    relay.start()
    told.wait_for(killed, late, seconds=60)
    assert told[killed][0][0] == BOOKED
    assert told[late][0][0] == NOT_BOOKED
    assert relay.end() == 0
    log.close()
