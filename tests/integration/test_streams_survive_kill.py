"""Ingest and the lander killed in mid-stream: what is left equals what an uninterrupted run over the same log gives."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow.parquet as pq
import pytest
import redis

from wayfare.adapters.file_registry import write_cities
from wayfare.adapters.kafka_consumer import read_partitions
from wayfare.adapters.kafka_decode import Decoder
from wayfare.adapters.kafka_events import KafkaEventLog
from wayfare.adapters.kafka_records import KafkaRecordLog
from wayfare.adapters.redis_window import ingest_status
from wayfare.adapters.window_proof import prove
from wayfare.domain.city import City, Place, Tariff
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.events import PING_STATUSES, DriverPing, RideRequest, Trip
from wayfare.domain.streams.panes import PANE_MS, WINDOW_PANES
from wayfare.domain.streams.state import PartitionState, gauges_of
from wayfare.domain.times import format_rfc3339

ROOT = pathlib.Path(__file__).parents[2]
T0 = 1_800_000_000_000 - 1_800_000_000_000 % PANE_MS
SECONDS = 60.0


@pytest.fixture
def city() -> str:
    return f"c{uuid.uuid4().hex[:8]}"


class Process:
    """One of our services as a real process that can be killed and started again."""

    def __init__(self, module: str, variables: dict[str, str], log: pathlib.Path) -> None:
        self._command = [sys.executable, "-m", module]
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("WAYFARE_")} | variables
        self._log = log.open("ab")
        self.start()

    def start(self) -> None:
        self._running = subprocess.Popen(
            self._command, cwd=ROOT, env=self._environment, stdout=self._log, stderr=subprocess.STDOUT
        )

    def kill(self) -> None:
        self._running.send_signal(signal.SIGKILL)
        self._running.wait(10)

    def end(self) -> int:
        self._running.terminate()
        code = self._running.wait(20)
        self._log.close()
        return code


@contextlib.contextmanager
def running(module: str, variables: dict[str, str], log: pathlib.Path) -> Iterator[Process]:
    process = Process(module, variables, log)
    try:
        yield process
    except BaseException:
        sys.stderr.write(log.read_text()[-4000:])
        process.kill()
        raise
    assert process.end() == 0


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, f"after {SECONDS:g} s still not: {what}"
        time.sleep(0.1)


def recomputed(options: dict[str, Any], city: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """(what Redis must hold of the window, what `panes` must hold), by key, from the log alone."""
    live: dict[str, bytes] = {}
    closed: dict[str, bytes] = {}
    for topic in ("driver-pings", "ride-requests"):
        records: dict[int, list[Any]] = {}
        for record in read_partitions(options, topic):
            records.setdefault(record.partition, []).append(record)
        for partition, held in records.items():
            state = PartitionState(topic, partition)
            decoded = Decoder(topic, partition, 4).decode(held)
            found = state.take(decoded.segments, decoded.last_offset)
            mine = [r for r in found if r.city == city]
            closed |= {r.key: pane_bytes.encode(r) for r in mine}
            live |= {r.key: pane_bytes.encode(pane_bytes.exact(r)) for r in mine if r.gauge in gauges_of(topic)}
            live |= {r.key: pane_bytes.encode(r) for r in state.cities[city].open_registers(decoded.last_offset)}
    return live, closed


def test_ingest_killed_again_and_again_leaves_the_registers_of_an_uninterrupted_run(servers, city, tmp_path):
    options = {"bootstrap_servers": [servers.kafka_bootstrap]}
    client = redis.Redis.from_url(servers.redis_url)
    variables = {
        "WAYFARE_STATE": str(tmp_path),
        "WAYFARE_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
        "WAYFARE_REDIS_URL": servers.redis_url,
        "WAYFARE_GROUP": f"ingest-{city}",
        "WAYFARE_SNAPSHOT_SECONDS": "0.5",
        "WAYFARE_SNAPSHOT_LEAST_SECONDS": "0.1",
    }
    log, draw, rows = KafkaEventLog(options), random.Random(5), 0
    with running("services.ingest.main", variables, tmp_path / "ingest.log") as ingest:
        for second in range(0, 8 * 60, 6):
            now = T0 + second * 1000
            drivers = draw.sample(range(120), 60)
            pings = [
                DriverPing(
                    f"d{d}", now - draw.choice([0, 0, 0, 400_000, 700_000]), 37.75 + (d + second / 60) / 5000, -122.42,
                    draw.choice(PING_STATUSES),
                )
                for d in drivers
            ]  # fmt: skip
            log.append("driver-pings", city, pings, now)
            steps = [
                RideRequest(f"r{draw.randrange(40)}", "u", now, "opened", Place(37.76, -122.42), Place(37.78, -122.4))
            ]
            steps.append(RideRequest(f"r{draw.randrange(40)}", "u", now, draw.choice(["matched", "cancelled"])))
            log.append("ride-requests", city, steps, now)
            rows += len(pings) + len(steps)
            for topic in ("driver-pings", "ride-requests"):
                log.tick(topic, {city: now})
            if second in (90, 240, 390):
                ingest.kill()
                ingest.start()
            if second == 330:
                client.delete(*client.keys(f"wf:{{{city}}}:*") or ["none"])
            time.sleep(0.05)
        log.close()
        live, closed = recomputed(options, city)

        def counted() -> int:
            return sum(s.applied + sum(s.rejected.values()) for s in ingest_status(client, city))

        until(lambda: counted() == rows, f"{rows} rows counted")
        newest = (T0 + 474_000) // PANE_MS
        panes = range(newest - WINDOW_PANES, newest + 1)

        def in_redis() -> dict[str, bytes]:
            return {
                f"{city}|{field.decode()}|{pane}": data
                for pane in panes
                for field, data in client.hgetall(f"wf:{{{city}}}:pane:{pane}").items()
            }

        until(lambda: in_redis() == live, "registers in Redis equal to those recomputed from the log")
    in_kafka = {
        record.key.decode(): record.value
        for record in read_partitions(options, "panes")
        if record.key.decode().startswith(f"{city}|")
    }
    assert in_kafka == closed
    proof = prove(options, client, city)
    assert (proof.registers, proof.differences) == (len(live), {})
    # An operator's proof finds a bit that is wrong, and what is missing.
    altered, missing = sorted(live)[0], sorted(live)[-1]
    for key in (altered, missing):
        _city, rest = key.split("|", 1)
        name, pane = rest.rsplit("|", 1)
        if key == altered:
            client.hset(f"wf:{{{city}}}:pane:{pane}", name, live[key][:-1] + bytes([live[key][-1] ^ 1]))
        else:
            client.hdel(f"wf:{{{city}}}:pane:{pane}", name)
    found = prove(options, client, city).differences
    assert found.keys() == {altered, missing}
    assert found[altered].startswith("is not what the log gives")
    assert found[missing].startswith("is not in Redis")
    assert len(closed) >= 7 * 4 * 5


def test_the_lander_killed_again_and_again_lands_every_record_once(servers, city, tmp_path):
    options = {"bootstrap_servers": [servers.kafka_bootstrap]}
    corners = (Place(37.7, -122.52), Place(37.7, -122.35), Place(37.83, -122.35), Place(37.83, -122.52))
    tariff = Tariff(1, 1, 1, 1)
    here = City(city, "Here", corners, Place(37.77, -122.42), "America/Los_Angeles", "USD", "US", tariff)
    write_cities(tmp_path / "cities.json", [here])
    variables = {
        "WAYFARE_STATE": str(tmp_path),
        "WAYFARE_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
        "WAYFARE_CITIES_FILE": str(tmp_path / "cities.json"),
        "WAYFARE_LAKE": str(tmp_path / "lake"),
        "WAYFARE_GROUP": f"lander-{city}",
        "WAYFARE_LAND_SECONDS": "0.2",
    }
    events, records = KafkaEventLog(options), KafkaRecordLog(options)
    trips, quotes = [], []
    with running("services.lander.main", variables, tmp_path / "lander.log") as lander:
        for turn in range(60):
            batch = [
                Trip(
                    f"{city}-{turn}-{i}",
                    Place(37.76, -122.4),
                    Place(37.78, -122.4),
                    T0 + i * 3_600_000,
                    T0 + i * 3_600_000 + 1,
                )
                for i in range(0, 40, 3)
            ]
            events.append("trips", city, batch, T0)
            trips += [trip.trip_id for trip in batch]
            quote = f"q-{city}-{turn}"
            booking = {"quote_id": quote, "city": city, "outcome": "booked", "t": format_rfc3339(T0), "rider": None,
                       "booking_id": None, "price": {"amount_minor": 5, "currency": "USD"}}  # fmt: skip
            records.append("bookings", quote, booking)
            quotes.append(quote)
            if turn in (15, 30, 45):
                lander.kill()
                lander.start()
            time.sleep(0.05)
        records.append("bookings", f"bad-{city}", {"city": city, "t": "yesterday"})

        def landed(table: str, column: str) -> list[str]:
            files = (tmp_path / "lake" / table / f"city={city}").glob("day=*/*.parquet")
            return sorted(value for file in files for value in pq.ParquetFile(file).read().column(column).to_pylist())

        until(lambda: len(landed("trips", "trip_id")) >= len(trips), "all trips landed")
        until(lambda: len(landed("bookings", "quote_id")) >= len(quotes), "all bookings landed")
        assert landed("trips", "trip_id") == sorted(trips)
        assert landed("bookings", "quote_id") == sorted(quotes)
        assert len(list((tmp_path / "lake" / "trips" / f"city={city}").glob("day=*"))) >= 2

        def dead() -> list[Any]:
            found = read_partitions(options, "bookings.dead-letter")
            return [r for r in found if r.key == f"bad-{city}".encode()]

        until(lambda: bool(dead()), "the broken booking is a dead letter")
        headers = dict(dead()[0].headers)
        assert json.loads(headers["wayfare-error"]).endswith("got 'yesterday'")
        assert headers["wayfare-reason"] == b"unreadable"
    events.close()
    records.close()
