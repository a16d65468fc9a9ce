"""What every store of features promises: the memory twin, Redis (riders, cells) and Cassandra (all three)."""

import datetime as dt
import uuid
from collections.abc import Iterator

import numpy as np
import pytest
import redis

from wayfare.adapters.cassandra_features import CassandraFeatures
from wayfare.adapters.cassandra_session import LazySession, connect
from wayfare.adapters.memory_features import MemoryFeatures
from wayfare.adapters.redis_features import RedisFeatures
from wayfare.domain.city import Place
from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.features.inputs import RiderHistory
from wayfare.domain.features.stores import CellFeatures
from wayfare.runtime.settings import CassandraSettings

MONDAY, TUESDAY = dt.date(2026, 11, 16), dt.date(2026, 11, 17)
ANN = RiderHistory(7, 28, {1.0: 4, 1.25: 2, 2.5: 1}, {"11-22": 5, "22-11": 2})
BOB = RiderHistory(1, 28, {1.75: 1}, {"3-4": 1})
NAMES = ("alpha", "beta", "gamma")


@pytest.fixture(scope="module")
def session(servers: object) -> Iterator[LazySession]:
    settings = CassandraSettings(
        state=servers.state,
        cassandra_hosts=servers.cassandra_hosts,
        cassandra_timeout_seconds=20.0,
    )
    lazy = connect(settings)
    yield lazy
    lazy.close()


@pytest.fixture(params=["memory", "redis", "cassandra"])
def store(request: pytest.FixtureRequest) -> Iterator[object]:
    if request.param == "memory":
        yield MemoryFeatures()
    elif request.param == "redis":
        client = redis.Redis.from_url(request.getfixturevalue("servers").redis_url)
        yield RedisFeatures(client)
        client.close()
    else:
        yield CassandraFeatures(request.getfixturevalue("session"))


@pytest.fixture(params=["memory", "cassandra"])
def training(request: pytest.FixtureRequest) -> object:
    if request.param == "memory":
        return MemoryFeatures()
    return CassandraFeatures(request.getfixturevalue("session"))


def city() -> str:
    return f"c{uuid.uuid4().hex[:12]}"


def test_a_riders_history_is_read_as_it_was_written(store: MemoryFeatures) -> None:
    here = city()
    store.write(here, MONDAY, 28, {"ann": ANN, "bob": BOB})
    assert store.read(here, "ann", 5.0) == ANN
    assert store.read(here, "bob", 5.0) == BOB


def test_a_rider_whom_the_batch_did_not_see_has_zeros_with_the_days_seen(store: MemoryFeatures) -> None:
    here = city()
    store.write(here, MONDAY, 28, {"ann": ANN})
    assert store.read(here, "stranger", 5.0) == RiderHistory(0, 28)


def test_a_city_without_a_batch_knows_nobody_which_is_not_zero(store: MemoryFeatures) -> None:
    assert store.read(city(), "ann", 5.0) is None


def test_a_new_day_replaces_everything_of_the_old(store: MemoryFeatures) -> None:
    here = city()
    store.write(here, MONDAY, 28, {"ann": ANN, "bob": BOB})
    store.write(here, TUESDAY, 29, {"ann": RiderHistory(1, 29, {1.0: 1}, {"11-22": 1})})
    assert store.read(here, "ann", 5.0) == RiderHistory(1, 29, {1.0: 1}, {"11-22": 1})
    assert store.read(here, "bob", 5.0) == RiderHistory(0, 29)


def test_a_rider_with_many_pairs_keeps_them_all(store: MemoryFeatures) -> None:
    here = city()
    pairs = {f"{n}-{n + 1}": n for n in range(1, 501)}
    store.write(here, MONDAY, 28, {"courier": RiderHistory(sum(pairs.values()), 28, {}, pairs)})
    found = store.read(here, "courier", 5.0)
    assert found is not None
    assert found.by_pair == pairs


def test_cities_do_not_mix(store: MemoryFeatures) -> None:
    here, there = city(), city()
    store.write(here, MONDAY, 28, {"ann": ANN})
    store.write(there, MONDAY, 3, {})
    assert store.read(there, "ann", 5.0) == RiderHistory(0, 3)


def test_cells_are_read_as_written_and_replaced_as_a_whole(store: MemoryFeatures) -> None:
    here = city()
    pub = CellFeatures("pub", Place(37.761234567, -122.41), 12)
    store.write_cells(here, MONDAY, {123456789012: pub, 5: CellFeatures(None, None, 0)})
    assert store.read_cells(here) == {123456789012: pub, 5: CellFeatures(None, None, 0)}
    store.write_cells(here, TUESDAY, {5: CellFeatures("home", Place(37.7, -122.4), 1)})
    assert store.read_cells(here) == {5: CellFeatures("home", Place(37.7, -122.4), 1)}
    store.write_cells(here, TUESDAY, {})
    assert store.read_cells(here) == {}


def test_features_are_read_in_the_order_asked_and_missing_stays_missing(training: MemoryFeatures) -> None:
    trips = [f"t-{uuid.uuid4().hex}" for _ in range(50)]
    values = np.random.default_rng(1).normal(size=(50, 3))
    values[::7, 1] = np.nan
    assert training.write_rows(trips, NAMES, values) == int((~np.isnan(values)).sum())
    back = training.read_rows([trips[9], "t-unknown", trips[7]], ("gamma", "beta", "delta"))
    expected = np.array([[values[9, 2], values[9, 1], np.nan], [np.nan] * 3, [values[7, 2], np.nan, np.nan]])
    np.testing.assert_array_equal(back, expected)


def test_writing_a_trip_again_leaves_nothing_of_before(training: MemoryFeatures) -> None:
    trip = f"t-{uuid.uuid4().hex}"
    training.write_rows([trip], NAMES, np.array([[1.0, 2.0, 3.0]]))
    training.write_rows([trip], NAMES, np.array([[4.0, np.nan, 6.0]]))
    np.testing.assert_array_equal(training.read_rows([trip], NAMES), [[4.0, np.nan, 6.0]])


@pytest.mark.parametrize("kind", ["redis", "cassandra"])
def test_a_store_that_is_gone_says_so(kind: str, tmp_path: object) -> None:
    store: RedisFeatures | CassandraFeatures
    if kind == "redis":
        store = RedisFeatures(redis.Redis(port=1, socket_timeout=0.2, socket_connect_timeout=0.2))
    else:
        settings = CassandraSettings(state=tmp_path, cassandra_hosts="127.0.0.1:1", cassandra_timeout_seconds=0.5)
        store = CassandraFeatures(connect(settings))
    for attempt in (
        lambda: store.read("sim", "ann", 0.2),
        lambda: store.write("sim", MONDAY, 1, {"ann": ANN}),
        lambda: store.write_cells("sim", MONDAY, {1: CellFeatures(None, None, 0)}),
        lambda: store.read_cells("sim"),
    ):
        with pytest.raises(StoreUnavailable):
            attempt()
