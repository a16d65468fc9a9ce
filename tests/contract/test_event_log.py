"""The ports to the log: what every EventLog and RecordLog does, in memory and on Kafka."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import orjson
import pytest

from wayfare.adapters import arrow_events, json_events, kafka_events
from wayfare.adapters.kafka_client import ARROW, header
from wayfare.adapters.kafka_consumer import newest_received_at, read_partitions
from wayfare.adapters.kafka_events import KIND_HEADER, SENDER_HEADER, KafkaEventLog
from wayfare.adapters.kafka_records import KafkaRecordLog
from wayfare.adapters.memory_log import MemoryEventLog, MemoryRecordLog
from wayfare.domain.city import Place
from wayfare.domain.errors import InvalidInput, LogUnavailable
from wayfare.domain.streams.events import (
    PING_STATUSES,
    DriverPing,
    Event,
    Recorded,
    RideRequest,
    Tick,
    Trip,
    WeatherObservation,
)
from wayfare.domain.streams.partition import partition_of
from wayfare.domain.streams.ping_batch import PingBatch

T_MS = 1_700_000_000_123


class OnKafka:
    """A Kafka log, and how to read back what one city's test wrote."""

    def __init__(self, bootstrap: str) -> None:
        self.options = {"bootstrap_servers": [bootstrap]}
        self.log = KafkaEventLog(self.options)

    def rows(self, topic: str, city: str) -> dict[int, list[Recorded | Tick]]:
        found: dict[int, list[Recorded | Tick]] = {}
        for record in read_partitions(self.options, topic):
            # What other tests have put into the same log may not be readable.
            with contextlib.suppress(InvalidInput):
                found.setdefault(record.partition, []).extend(self._rows(topic, city, record))
        return found

    @staticmethod
    def _rows(topic: str, city: str, record: Any) -> list[Recorded | Tick]:
        if header(record.headers, KIND_HEADER):
            tick = json_events.tick(record.value)
            return [tick] if city in tick.received_at_ms else []
        if header(record.headers, "content-type") == ARROW:
            batch = arrow_events.events_of(topic, arrow_events.unpack(topic, record.value))
            return [Recorded(*row) for row in batch if row[1] == city]
        recorded = json_events.recorded(topic, record.value)
        return [recorded] if recorded.city == city else []


class InMemory:
    """The twin."""

    def __init__(self) -> None:
        self.log = MemoryEventLog()

    def rows(self, topic: str, city: str) -> dict[int, list[Recorded | Tick]]:
        return {
            partition: [r for r in rows if (r.city == city if isinstance(r, Recorded) else city in r.received_at_ms)]
            for partition, rows in enumerate(self.log.rows.get(topic, []))
        }


@pytest.fixture(params=["memory", "kafka"])
def made(request: pytest.FixtureRequest) -> Iterator[Any]:
    on = InMemory() if request.param == "memory" else OnKafka(request.getfixturevalue("servers").kafka_bootstrap)
    yield on
    on.log.close()


def _city() -> str:
    return f"c{uuid.uuid4().hex[:8]}"


def _pings(count: int) -> list[Any]:
    drop = Place(37.8, -122.4)
    return [
        DriverPing(
            f"d{i}", T_MS + i, 37.7 + i / 1e4, -122.4, "on_trip" if i % 2 else "available", drop if i % 2 else None
        )
        for i in range(count)
    ]


EVENTS: dict[str, list[Event]] = {
    "ride-requests": [
        RideRequest("r1", "u1", T_MS, "opened", Place(37.7, -122.4), Place(37.8, -122.5), quote_id="q-1"),
        RideRequest("r1", "u1", T_MS + 1, "matched", booking_id="b-1"),
    ],
    "trips": [
        Trip("t1", Place(37.7, -122.4), Place(37.8, -122.5), T_MS, T_MS + 9),
        Trip(
            "t2", Place(37.7, -122.4), Place(37.8, -122.5), T_MS, T_MS + 9, "u", "d", "q-1", "b-1", T_MS - 5, T_MS - 6,
            5000, 60, "standard", 1.25, 1000, 1250, "USD", "rule",
        ),
    ],
    "weather": [WeatherObservation(T_MS, 37.7, -122.4, 12.5, 0.0, 0.8, 3.0)],
}  # fmt: skip


def _batch(pings: list[Any]) -> PingBatch:
    drops = [Place(np.nan, np.nan) if ping.dropoff is None else ping.dropoff for ping in pings]
    statuses = [PING_STATUSES.index(ping.status) for ping in pings]
    return PingBatch(
        [ping.driver_id for ping in pings], np.array([ping.t_ms for ping in pings]), np.array([p.lat for p in pings]),
        np.array([p.lon for p in pings]), np.array(statuses, np.int8), np.array([d.lat for d in drops]),
        np.array([d.lon for d in drops]),
    )  # fmt: skip


@pytest.mark.parametrize("given", [list, _batch])
@pytest.mark.parametrize("count", [1, 7, 40, 400])
def test_pings_come_back_as_they_were_each_in_the_partition_of_its_driver(made, count, given):
    city, pings = _city(), _pings(count)
    made.log.append("driver-pings", city, given(pings), T_MS + 5)
    rows = made.rows("driver-pings", city)
    everything = [row for part in rows.values() for row in part]
    assert sorted(everything, key=lambda row: row.event.t_ms) == [Recorded(p, city, T_MS + 5) for p in pings]
    assert all(partition_of(r.event.identity, 4) == partition for partition, part in rows.items() for r in part)


@pytest.mark.parametrize("given", [list, _batch])
def test_more_rows_than_a_record_may_hold_go_into_several(servers, monkeypatch, given):
    monkeypatch.setattr(kafka_events, "PACK_ROWS", 30)
    on, city, pings = OnKafka(servers.kafka_bootstrap), _city(), _pings(400)
    on.log.append("driver-pings", city, given(pings), T_MS)
    on.log.close()
    found = [row.event for part in on.rows("driver-pings", city).values() for row in part if isinstance(row, Recorded)]
    assert sorted(found, key=lambda ping: ping.t_ms) == pings
    counts = [
        batch.num_rows
        for record in read_partitions(on.options, "driver-pings")
        if header(record.headers, "content-type") == ARROW
        and city in (batch := arrow_events.unpack("driver-pings", record.value)).column("city").to_pylist()
    ]
    assert max(counts) == 30
    assert sum(counts) > 300


@pytest.mark.parametrize("topic", EVENTS)
@pytest.mark.parametrize("times", [1, 10])
def test_every_kind_of_event_comes_back_as_it_was_alone_and_packed(made, topic, times):
    city = _city()
    made.log.append(topic, city, EVENTS[topic] * times, T_MS + 7)
    rows = [row for part in made.rows(topic, city).values() for row in part]
    assert len(rows) == len(EVENTS[topic]) * times
    for event in EVENTS[topic]:
        assert rows.count(Recorded(event, city, T_MS + 7)) == times


def test_a_tick_reaches_every_partition_after_what_came_before(made):
    city = _city()
    made.log.append("driver-pings", city, _pings(40), T_MS)
    made.log.tick("driver-pings", {city: T_MS + 1000, "other": 5})
    rows = made.rows("driver-pings", city)
    assert [part[-1] for _partition, part in sorted(rows.items())] == [Tick({city: T_MS + 1000, "other": 5})] * 4


@pytest.mark.parametrize("given", [list, _batch])
def test_callers_at_the_same_time_share_records_that_say_who_sent_each_row(servers, given):
    options, city = {"bootstrap_servers": [servers.kafka_bootstrap]}, _city()
    log = KafkaEventLog(options, gather_seconds=0.2)
    sent = [(f"{city}-{i}", DriverPing(f"{city}-{i}", T_MS, 37.7, -122.4, "available")) for i in range(64)]
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda one: log.append("driver-pings", city, given([one[1]]), T_MS, one[0]), sent))
    log.close()
    packed, senders = 0, {}
    for record in read_partitions(options, "driver-pings"):
        if header(record.headers, "content-type") == ARROW:
            batch = arrow_events.unpack("driver-pings", record.value)
            told = arrow_events.senders_of(record.value) or [header(record.headers, SENDER_HEADER)] * batch.num_rows
            rows = [
                (row[0].driver_id, who)
                for row, who in zip(arrow_events.events_of("driver-pings", batch), told, strict=True)
            ]
            mine = [row for row in rows if row[0].startswith(city)]
            packed += len(mine)
            assert not mine or SENDER_HEADER not in dict(record.headers)
        elif not header(record.headers, KIND_HEADER):
            mine = [
                (
                    json_events.recorded("driver-pings", record.value).event.driver_id,
                    header(record.headers, SENDER_HEADER),
                )
            ]
        else:
            mine = []
        for driver, who in mine:
            if driver.startswith(city):
                assert driver not in senders
                senders[driver] = who
    assert senders == {name: name for name, _ping in sent}
    assert packed >= 8


def test_a_log_that_cannot_be_reached_says_so_in_time():
    with pytest.raises(LogUnavailable):
        KafkaEventLog({"bootstrap_servers": ["127.0.0.1:1"]}, 0.5).append("driver-pings", "sf", _pings(1), T_MS)
    twin = MemoryEventLog()
    twin.unavailable = True
    with pytest.raises(LogUnavailable):
        twin.append("driver-pings", "sf", _pings(1), T_MS)


def test_a_topic_that_does_not_exist_is_unavailable(servers):
    log = KafkaEventLog({"bootstrap_servers": [servers.kafka_bootstrap]}, 1.0)
    try:
        with pytest.raises(LogUnavailable, match="no-such-topic"):
            log.append("no-such-topic", "sf", _pings(1), T_MS)
    finally:
        log.close()


def test_the_newest_received_at_of_a_city_is_found_near_the_end_of_the_log(servers):
    on, city = OnKafka(servers.kafka_bootstrap), _city()
    on.log.append("weather", city, EVENTS["weather"], T_MS)
    on.log.tick("ride-requests", {city: T_MS + 77})
    assert newest_received_at(on.options, ["weather", "ride-requests"])[city] == T_MS + 77
    on.log.close()


@pytest.fixture(params=["memory", "kafka"])
def records(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "memory":
        twin = MemoryRecordLog()
        yield twin, lambda topic: twin.records.get(topic, [])
        return
    options = {"bootstrap_servers": [request.getfixturevalue("servers").kafka_bootstrap]}
    log = KafkaRecordLog(options)

    def written(topic: str) -> list[tuple[str, dict[str, Any]]]:
        log.close(10)
        found = [(r.key.decode(), orjson.loads(r.value)) for r in read_partitions(options, topic)]
        return [(key, {k: v for k, v in record.items() if k != "schema"}) for key, record in found]

    yield log, written
    log.close()


def test_records_waited_for_and_offered_are_both_in_the_log(records):
    log, written = records
    first, second = f"q-{uuid.uuid4().hex}", f"q-{uuid.uuid4().hex}"
    log.append("bookings", first, {"quote_id": first, "n": 1})
    assert log.offer("bookings", second, {"quote_id": second, "n": 2.5})
    found = dict(written("bookings"))
    assert found[first] == {"quote_id": first, "n": 1}
    assert found[second] == {"quote_id": second, "n": 2.5}
    assert log.lost == 0


def test_a_full_queue_refuses_counts_and_never_waits():
    lost: list[int] = []
    log = KafkaRecordLog({"bootstrap_servers": ["127.0.0.1:1"]}, 0.5, queue_limit=3, on_lost=lost.append)
    assert [log.offer("bookings", "q", {}) for _ in range(5)] == [True, True, True, False, False]
    log.close(1.0)
    assert log.lost == 5
    assert sum(lost) == 5
