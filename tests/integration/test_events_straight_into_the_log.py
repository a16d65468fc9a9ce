"""The same events over HTTP and straight into Kafka come to the same records and the same panes."""

from __future__ import annotations

import dataclasses
import random
import uuid
from typing import Any

import pytest

from local.cities import load
from services.city_simulator import wire
from services.city_simulator.into_log import IntoLog
from services.events_api.main import application
from services.events_api.settings import EventsSettings
from wayfare.adapters.kafka_consumer import read_partitions
from wayfare.adapters.kafka_decode import Decoder
from wayfare.adapters.kafka_events import KafkaEventLog
from wayfare.domain.callers import Caller
from wayfare.domain.city import CityClock, Place, Registry
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.events import PING_STATUSES
from wayfare.domain.streams.panes import PANE_MS
from wayfare.domain.streams.state import PartitionState
from wayfare.runtime.ticker import Ticker

WALL_MS = 1_900_000_000_000
CITY_MS = 1_795_250_040_000 - 1_795_250_040_000 % PANE_MS
LISTS = {"driver-pings": "pings", "trips": "trips", "weather": "observations"}


class Side:
    """One way in: a registry with one city of its own, at the place of `sim`, and a wall clock that the test moves."""

    def __init__(self, bootstrap: str) -> None:
        clock = CityClock(wall_anchor_ms=WALL_MS, city_anchor_ms=CITY_MS, speed=60.0)
        self.city = dataclasses.replace(load("sim"), id=f"c{uuid.uuid4().hex[:8]}", clock=clock)
        self.registry = Registry([self.city])
        self.options = {"bootstrap_servers": [bootstrap]}
        self.wall = WALL_MS

    def state(self, topic: str) -> tuple[dict[str, Any], list[Any]]:
        """(closed and open panes by key without the city, counts of applied and rejected) as ingest would have them."""
        records: dict[int, list[Any]] = {}
        for record in read_partitions(self.options, topic):
            records.setdefault(record.partition, []).append(record)
        panes: dict[str, Any] = {}
        counts = []
        for partition, held in sorted(records.items()):
            # Offsets differ between the two, so that what covers what is not compared; everything else is.
            state = PartitionState(topic, partition)
            decoded = Decoder(topic, partition, len(records)).decode(held)
            closed = [r for r in state.take(decoded.segments, decoded.last_offset) if r.city == self.city.id]
            mine = state.cities.get(self.city.id)
            counts.append(mine and (mine.applied, mine.rejected))
            for register in [*closed, *(mine.open_registers(decoded.last_offset) if mine else [])]:
                same = dataclasses.replace(register, city="same", covers_offset=0)
                panes[same.key] = pane_bytes.encode(same)
        return panes, counts


class OverHttp(Side):
    def __init__(self, bootstrap: str, folder: Any) -> None:
        super().__init__(bootstrap)
        self._log = KafkaEventLog(self.options)
        told = EventsSettings(
            state=folder, cities_file=folder / "cities.json", jwks="none", kafka_bootstrap=bootstrap, rate_per_second=1e6, rate_burst=10**6
        )  # fmt: skip
        app = application(told, self._log, lambda: self.registry, self, lambda: self.wall)
        self._client = app.test_client()
        self.ticker = Ticker(self._log, lambda: self.registry, lambda: self.wall)

    def verify(self, token: str) -> Caller:
        return Caller("city_simulator", "service", None)

    def send(self, topic: str, batch: list[Any]) -> None:
        bodies = [{LISTS[topic]: batch}] if topic in LISTS else batch
        for body in bodies:
            answer = self._client.post(f"/v1/{topic}", json=body, headers={"Authorization": "Bearer any"})
            assert answer.status_code == 202, answer.text

    def close(self) -> None:
        self._log.close()


class Straight(Side):
    def __init__(self, bootstrap: str) -> None:
        super().__init__(bootstrap)
        self._into = IntoLog(
            self.options, lambda: self.registry, lambda: self.wall, self.city.id, "city_simulator", 5.0
        )
        self.ticker = self._into.ticker

    def send(self, topic: str, batch: list[Any]) -> None:
        answer = self._into.send(topic, batch)
        assert answer.received_at is not None, answer

    def close(self) -> None:
        self._into._log.close()


def minutes(draw: random.Random, side: Side):
    """Two and a half minutes of a city: (topic, batch) at each two seconds of its time, some pings out of it."""
    for second in range(0, 150, 2):
        side.wall = WALL_MS + second * 1000 // 60
        now = side.city.clock.at(side.wall)
        pings = [
            wire.ping(
                f"d-{cab}", now - draw.choice([0, 0, 3_000, 700_000]), draw.choice([37.76, 37.78, 37.78, 12.0]),
                -122.42 + cab / 5_000, draw.choice(PING_STATUSES),
            )
            for cab in draw.sample(range(80), 30)
        ]  # fmt: skip
        request = f"r-{draw.randrange(20)}"
        ends = Place(37.76, -122.42), Place(37.78, -122.4)
        steps = [
            wire.request_step(request, "u", now, "opened", ends, f"q-{second}"),
            wire.request_step(f"r-{draw.randrange(20)}", "u", now, draw.choice(["matched", "cancelled"])),
        ]
        weather = wire.place(37.77, -122.42) | {
            "t": "2026-11-21T01:00:00Z", "temperature_c": 12.5, "rain_mm": 0.5, "humidity": 0.75, "wind_ms": 3.0,
        }  # fmt: skip
        yield [("driver-pings", pings), ("ride-requests", steps), ("weather", [weather])]


def test_events_over_http_and_straight_into_kafka_give_the_same_panes(servers, tmp_path):
    http, straight = OverHttp(servers.kafka_bootstrap, tmp_path), Straight(servers.kafka_bootstrap)
    for side in (http, straight):
        for batches in minutes(random.Random(11), side):
            for topic, batch in batches:
                side.send(topic, batch)
            assert side.ticker.tick()
        side.close()
    for topic, least in (("driver-pings", 20), ("ride-requests", 10)):
        panes, counts = http.state(topic)
        assert len(panes) >= least
        assert straight.state(topic) == (panes, counts)


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("trips", {"trip_id": "t", "pickup": {"lat": 0, "lon": 0}, "dropoff": {"lat": 0, "lon": 0},
                   "started_at": "2026-11-21T01:00:00Z", "ended_at": "2026-11-21T01:10:00Z"}),
        ("driver-pings", {"driver_id": "d", "t": "yesterday", "lat": 37.7, "lon": -122.4, "status": "available"}),
        ("ride-requests", {"request_id": "r"}),
    ],
)  # fmt: skip
def test_what_cannot_be_recorded_is_refused_by_its_place_in_the_batch(servers, topic, body):
    side = Straight(servers.kafka_bootstrap)
    answer = side._into.send(topic, [body])
    assert list(answer.refused) == [0]
    assert answer.received_at is None
    side.close()


def test_a_log_out_of_reach_is_a_problem_and_the_batch_is_kept():
    side = Straight("127.0.0.1:1")
    side._into._log._producer._timeout = 0.3
    answer = side._into.send("weather", [wire.place(37.77, -122.42) | {"t": "2026-11-21T01:00:00Z", "temperature_c": 1,
                                                                      "rain_mm": 0, "humidity": 0.5, "wind_ms": 1}])  # fmt: skip
    assert answer.problem
    assert not answer.refused
    assert answer.received_at is None
    side.close()
