"""What the tests of this folder share: a log drawn for a city of its own, ingest working on it, and what that log alone gives."""

from __future__ import annotations

import contextlib
import pathlib
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import redis

from bench.soak.processes import Group, Process, ingest_variables, running, until
from local.reports import Addresses
from wayfare.adapters import json_events, kafka_admin, kafka_states
from wayfare.adapters.kafka_consumer import read_partitions
from wayfare.adapters.kafka_decode import Decoder
from wayfare.adapters.kafka_events import KafkaEventLog
from wayfare.adapters.window_proof import prove
from wayfare.domain.city import Place
from wayfare.domain.errors import LogUnavailable, WindowUnavailable
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.events import PING_STATUSES, DriverPing, RideRequest
from wayfare.domain.streams.generation import topic_of
from wayfare.domain.streams.panes import PANE_MS, WINDOW_PANES
from wayfare.domain.streams.state import gauges_of

T0 = 1_800_000_000_000 - 1_800_000_000_000 % PANE_MS
STEP_SECONDS = 12
TOPICS = ("driver-pings", "ride-requests")


class DrawnLog:
    """Twelve seconds of a city at each step: cabs anywhere and in any order, also late and twice; requests; ticks."""

    def __init__(self, bootstrap: str, city: str, seed: int) -> None:
        self.options = {"bootstrap_servers": bootstrap.split(",")}
        self.city, self.draw, self.second = city, random.Random(seed), 0
        self._log = KafkaEventLog(self.options)

    @property
    def now_ms(self) -> int:
        """The city's clock at the next step."""
        return T0 + self.second * 1000

    @property
    def steps(self) -> int:
        """How many there were."""
        return self.second // STEP_SECONDS

    def late_ping(self) -> bytes:
        """A ping of now as an app's own record."""
        return json_events.record_bytes(
            DriverPing("d7", self.now_ms, 37.76, -122.42, "available"), self.city, self.now_ms
        )

    def step(self) -> None:
        """Append until acknowledged: a batch of which that is not known is sent again, as apps do."""
        now, draw = self.now_ms, self.draw
        pings = [
            DriverPing(
                f"d{d}", now - draw.choice([0, 0, 0, 400_000, 700_000]), 37.75 + (d + self.second / 60) / 5000, -122.42,
                draw.choice(PING_STATUSES),
            )
            for d in draw.sample(range(120), 60)
        ]  # fmt: skip
        ends = Place(37.76, -122.42), Place(37.78, -122.4)
        requests = [
            RideRequest(f"r{draw.randrange(40)}", "u", now, "opened", *ends),
            RideRequest(f"r{draw.randrange(40)}", "u", now, draw.choice(["matched", "cancelled"])),
        ]
        self._until_taken(lambda: self._log.append("driver-pings", self.city, pings, now))
        self._until_taken(lambda: self._log.append("ride-requests", self.city, requests, now))
        for topic in TOPICS:
            self._until_taken(lambda topic=topic: self._log.tick(topic, {self.city: now}))
        self.second += STEP_SECONDS

    @staticmethod
    def _until_taken(append: Any) -> None:
        def taken() -> bool:
            try:
                append()
            except LogUnavailable:
                return False
            return True

        until(taken, "the log takes an event")

    def close(self) -> None:
        self._log.close()


@dataclass
class Given:
    """What a log gives: of the window in Redis, of the topic `panes`, and its rows of this city."""

    live: dict[str, bytes] = field(default_factory=dict)
    closed: dict[str, bytes] = field(default_factory=dict)
    rows: int = 0


def recomputed(options: dict[str, Any], city: str) -> Given:
    """Everything by key from the log alone, in one uninterrupted run over it."""
    given, newest = Given(), 0
    names = kafka_admin.topic_names(options)
    for topic in (name for name in names if topic_of(name) in TOPICS):
        records: dict[int, list[Any]] = {}
        for record in read_partitions(options, topic):
            records.setdefault(record.partition, []).append(record)
        for state in kafka_states.before_first(options, topic):
            held = records.get(state.partition, [])
            decoded = Decoder(topic, state.partition, kafka_states.partitions_of(topic)).decode(held)
            taken = state.take(decoded.segments, decoded.last_offset, decoded.sealed) if held else []
            mine = [r for r in taken if r.city == city]
            given.closed |= {r.key: pane_bytes.encode(r) for r in mine}
            given.live |= {r.key: pane_bytes.encode(pane_bytes.exact(r)) for r in mine if r.gauge in gauges_of(topic)}
            of_city = state.cities.get(city)
            if held and of_city is not None:
                given.live |= {r.key: pane_bytes.encode(r) for r in of_city.open_registers(decoded.last_offset)}
                given.rows += of_city.applied + sum(of_city.rejected.values())
                newest = max(newest, of_city.log_time_ms // PANE_MS)
    given.live = {key: data for key, data in given.live.items() if _pane(key) >= newest - WINDOW_PANES}
    return given


def _pane(key: str) -> int:
    return int(key.rpartition("|")[2])


def in_redis(client: redis.Redis, city: str, panes: set[int]) -> dict[str, bytes]:
    """The registers of some panes, by key."""
    return {
        f"{city}|{name.decode()}|{pane}": data
        for pane in panes
        for name, data in client.hgetall(f"wf:{{{city}}}:pane:{pane}").items()
    }


def in_panes(options: dict[str, Any], city: str) -> set[tuple[str, bytes]]:
    """Every record of this city in `panes`, by key and bytes: a register written twice must be the same both times."""
    found = read_partitions(options, "panes")
    return {(record.key.decode(), record.value) for record in found if record.key.startswith(f"{city}|".encode())}


@dataclass
class Stage:
    """Servers, a city of this test's own, and the consumer group that works on its log."""

    servers: Addresses
    folder: pathlib.Path
    city: str = field(default_factory=lambda: f"c{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.redis = redis.Redis.from_url(self.servers.redis_url)
        self.group = Group(self.servers.kafka_bootstrap, f"ingest-{self.city}")
        self.options: dict[str, Any] = {"bootstrap_servers": self.servers.kafka_bootstrap.split(",")}

    @contextlib.contextmanager
    def ingest(self, name: str = "ingest", **more: str) -> Iterator[Process]:
        """One more member of the group."""
        given = ingest_variables(
            self.folder, self.servers.kafka_bootstrap, self.servers.redis_url, f"ingest-{self.city}"
        )
        with running("services.ingest.main", given | more, self.folder / f"{name}.log") as process:
            yield process

    @contextlib.contextmanager
    def log(self, seed: int) -> Iterator[DrawnLog]:
        drawn = DrawnLog(self.servers.kafka_bootstrap, self.city, seed)
        try:
            yield drawn
        finally:
            drawn.close()

    def kill_and_start(self, ingest: Process) -> None:
        """kill -9, and a new process; the brokers give up on the old one at once instead of after the session time-out."""
        ingest.kill()
        self.group.throw_out(ingest.pid)
        ingest.start()

    def until_equal(self) -> Given:
        """Wait until Redis holds what the log gives; then `panes` must as well, and the operator's proof must find it so."""
        given = recomputed(self.options, self.city)
        panes = {_pane(key) for key in given.live}

        def equal() -> bool:
            with contextlib.suppress(redis.RedisError):
                return in_redis(self.redis, self.city, panes) == given.live
            return False

        until(equal, "registers in Redis equal to those recomputed from the log")
        # Kafka is written after Redis.
        until(lambda: in_panes(self.options, self.city) >= set(given.closed.items()), "the closed ones are in `panes`")
        assert in_panes(self.options, self.city) == set(given.closed.items())
        proof = prove(self.options, self.redis, self.city)
        # It proves the registers of cabs seen as well.
        assert proof.registers >= len(given.live)
        assert proof.differences == {}, proof.differences
        return given

    def until_written(self) -> None:
        """Wait until ingest has written something of this city."""

        def written() -> bool:
            try:
                return prove(self.options, self.redis, self.city).registers > 0
            except (LogUnavailable, WindowUnavailable):
                return False

        until(written, "ingest has written something")
