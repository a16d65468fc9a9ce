"""What every WindowStore does: a register gives way only to one that covers more of the log."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import numpy as np
import pytest
import redis

from wayfare.adapters.memory_window import MemoryWindow
from wayfare.adapters.redis_window import PartitionStatus, RedisWindow, ingest_status, weather_observations
from wayfare.domain.errors import WindowUnavailable
from wayfare.domain.features.inputs import Weather
from wayfare.domain.streams import distinct, sketch
from wayfare.domain.streams.panes import SEEN, SEEN_PANES, WINDOW_PANES, PaneRegister

PANE = 29_000_000


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        return MemoryWindow()
    return RedisWindow(redis.Redis.from_url(request.getfixturevalue("servers").redis_url))


@pytest.fixture
def city() -> str:
    return f"c{uuid.uuid4().hex[:8]}"


def register(city: str, pane: int = PANE, offset: int = 5, count: int = 3, partition: int = 0) -> PaneRegister:
    return PaneRegister(
        city, "cabs_available", "driver-pings", partition, pane, offset, pane * 60_000 + offset, False, count,
        np.array([7, 9], np.int64), np.array([1, count - 1], np.uint32),
    )  # fmt: skip


def test_a_register_is_read_back_as_it_was_put(store, city):
    assert store.put([register(city)]) == 1
    (found,) = store.read(city, PANE)
    assert found.key == register(city).key
    assert (found.cells.tolist(), found.counts.tolist()) == ([7, 9], [1, 2])
    assert (found.covers_offset, found.log_time_ms, found.total, found.closed) == (5, PANE * 60_000 + 5, 3, False)


@pytest.mark.parametrize(("first", "second"), [(5, 4), (5, 5), (2**32 + 1, 2**32), (2**33, 2**32 - 1)])
def test_a_writer_that_covers_no_more_changes_nothing(store, city, first, second):
    store.put([register(city, offset=first, count=3)])
    assert store.put([register(city, offset=second, count=8)]) == 0
    assert [r.total for r in store.read(city, PANE)] == [3]


@pytest.mark.parametrize(("first", "second"), [(5, 6), (2**32 - 1, 2**32), (255, 256), (2**31, 2**31 + 1)])
def test_a_writer_that_covers_more_wins(store, city, first, second):
    store.put([register(city, offset=first, count=3)])
    assert store.put([register(city, offset=second, count=8)]) == 1
    assert [r.total for r in store.read(city, PANE)] == [8]


def test_the_window_is_the_newest_panes_and_the_next_of_this_city_alone(store, city):
    panes = range(PANE - WINDOW_PANES - 3, PANE + 4)
    store.put([register(c, pane, partition=p) for c in (city, city + "x") for pane in panes for p in (0, 1)])
    found = store.read(city, PANE)
    assert {r.pane for r in found} == set(range(PANE - WINDOW_PANES, PANE + 2))
    assert len(found) == 2 * (WINDOW_PANES + 2)
    assert {r.city for r in found} == {city}


def test_panes_that_a_reader_has_whole_are_left_out(store, city):
    store.put([register(city, pane) for pane in range(PANE - 3, PANE + 1)])
    assert {r.pane for r in store.read(city, PANE, {PANE - 3, PANE - 1})} == {PANE - 2, PANE}
    assert store.read(city, PANE, range(PANE - 99, PANE + 9)) == []


def test_the_sketch_is_kept_only_where_it_serves_alone(store, city):
    table = sketch.empty()
    sketch.add(table, np.array([7]), np.array([4]))
    crowded = dataclasses.replace(
        register(city, pane=PANE - 1), cells=np.zeros(0, np.int64), counts=np.zeros(0, np.uint32)
    )
    store.put([dataclasses.replace(register(city), sketch=table), dataclasses.replace(crowded, sketch=table)])
    by_pane = {r.pane: r for r in store.read(city, PANE)}
    assert by_pane[PANE].sketch is None
    assert sketch.query(by_pane[PANE - 1].sketch, [7]).tolist() == [4]


def test_cabs_seen_are_kept_whole_by_interval_and_front_ends_do_not_read_them(store, city):
    interval = PANE // SEEN_PANES
    last = (interval + 1) * SEEN_PANES - 1
    parts = {"gauge": SEEN, "sketch": sketch.empty(), "distinct": distinct.empty()}
    mine = [dataclasses.replace(register(city, last, 5, partition=p), **parts) for p in (0, 1)]
    other = dataclasses.replace(register(city, last + SEEN_PANES), **parts)
    assert store.put([*mine, other, register(city)]) == 4
    assert store.put([dataclasses.replace(mine[0], covers_offset=4)]) == 0
    found = sorted(store.read_seen(city, interval), key=lambda r: r.partition)
    assert [(r.key, r.covers_offset) for r in found] == [(r.key, 5) for r in mine]
    assert all(np.array_equal(r.sketch, sketch.empty()) and r.distinct is not None for r in found)
    assert {r.gauge for r in store.read(city, last)} == {"cabs_available"}
    assert store.read_seen(city, interval - 1) == []


def test_an_empty_store_holds_nothing(store, city):
    assert store.read(city, PANE) == []
    assert store.put([]) == 0


def test_a_store_that_cannot_be_reached_says_so():
    twin = MemoryWindow()
    twin.unavailable = True
    away = RedisWindow(redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2))
    for store in (twin, away):
        with pytest.raises(WindowUnavailable):
            store.read("sf", PANE)
        with pytest.raises(WindowUnavailable):
            store.put([register("sf")])


def test_a_status_gives_way_only_to_a_newer_one_and_tells_what_was_there(servers, city):
    client = redis.Redis.from_url(servers.redis_url)
    window = RedisWindow(client)
    newer = PartitionStatus("driver-pings", 2, 10, 1000, 7, {"late": 1})
    assert window.put_status(city, [newer]) == [None]
    assert window.put_status(city, [dataclasses.replace(newer, covers_offset=9, applied=0)]) == [10]
    assert ingest_status(client, city) == [newer]
    assert ingest_status(client, city + "x") == []


def test_the_newest_observation_of_a_cell_stays(servers, city):
    client = redis.Redis.from_url(servers.redis_url)
    window = RedisWindow(client)
    told = {"t_ms": 5, "temperature_c": 11.0, "rain_mm": 0.5, "humidity": 0.8, "wind_ms": 3.0}
    window.put_weather(city, {"0230": told})
    window.put_weather(city, {"0230": told | {"t_ms": 4, "rain_mm": 9.0}})
    assert weather_observations(client, city) == {"0230": (5, Weather(11.0, 0.5, 0.8, 3.0))}


def test_something_that_is_no_pane_is_reported_not_guessed(servers, city):
    client = redis.Redis.from_url(servers.redis_url)
    client.hset(f"wf:{{{city}}}:pane:{PANE}", "cabs_available|driver-pings|0", b"nonsense")
    with pytest.raises(WindowUnavailable, match="got"):
        RedisWindow(client).read(city, PANE)
