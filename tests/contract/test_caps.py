"""What every store of operator caps promises: the memory twin and Cassandra."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator

import pytest

from local.stack import Addresses
from wayfare.adapters.cassandra_caps import CassandraCaps
from wayfare.adapters.cassandra_session import LazySession, connect
from wayfare.adapters.memory_caps import MemoryCaps
from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.pricing.caps import CapStore, SurgeCap
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


@pytest.fixture(params=["memory", "cassandra"])
def caps(request: pytest.FixtureRequest) -> CapStore:
    return MemoryCaps() if request.param == "memory" else CassandraCaps(request.getfixturevalue("session"), 20.0)


def new_cap(city: str, set_at_ms: int = NOW) -> SurgeCap:
    return SurgeCap(city, set_at_ms, 1.25, NOW + 3_600_000, "a concert ends", "ops-1")


def city() -> str:
    return f"c{uuid.uuid4().hex[:12]}"


def test_caps_are_read_as_they_were_recorded_newest_first(caps: CapStore) -> None:
    here = city()
    for step in (0, 2, 1):
        assert caps.record(new_cap(here, NOW + step)) == new_cap(here, NOW + step)
    assert caps.recorded(here) == [new_cap(here, NOW + step) for step in (2, 1, 0)]
    assert caps.recorded(city()) == []


def test_two_caps_of_one_moment_are_both_kept(caps: CapStore) -> None:
    here = city()
    first, second = new_cap(here), dataclasses.replace(new_cap(here), reason="another")
    assert caps.record(first) == first
    assert caps.record(second) == dataclasses.replace(second, set_at_ms=NOW + 1)
    assert [cap.reason for cap in caps.recorded(here)] == ["another", "a concert ends"]


def test_a_store_that_is_not_there_says_so_in_the_domains_words() -> None:
    lazy = connect(CassandraSettings(state="/tmp", cassandra_hosts="127.0.0.1:1", cassandra_timeout_seconds=0.5))
    twin = MemoryCaps()
    twin.unavailable = True
    for caps in (CassandraCaps(lazy), twin):
        with pytest.raises(StoreUnavailable):
            caps.record(new_cap("c"))
        with pytest.raises(StoreUnavailable):
            caps.recorded("c")
    lazy.close()
