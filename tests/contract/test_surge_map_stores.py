"""What sharing surge maps, their lease and other live parts promises: the memory twin and Redis."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
import redis

from local.stack import Addresses
from wayfare.adapters import redis_client, redis_keys
from wayfare.adapters.memory_surge_map import MemoryLive, MemorySurgeMap, SharedMemory
from wayfare.adapters.redis_live import RedisLive
from wayfare.adapters.redis_surge_map import RedisSurgeMap
from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.pricing.caps import SurgeCap
from wayfare.domain.pricing.live import LiveParts, LiveStore
from wayfare.domain.pricing.surge_map import MapCell, SurgeMap, SurgeMapStore


@dataclass
class Shared:
    """Stores of several processes on one shared memory."""

    process: Callable[[str], SurgeMapStore]
    live: LiveStore
    lease_ends: Callable[[str], None]
    city: str = field(default_factory=lambda: f"c{uuid.uuid4().hex[:12]}")

    def map_at(self, ms: int) -> SurgeMap:
        cells = (MapCell(3_000_000_001, 1.25, 1.5, "model", 4, 2), MapCell(3_000_000_002, 1.0, 1.0, "prior:city", 0, 1))
        return SurgeMap(self.city, ms, ms - 5, cells, ("weather: missing",))


@pytest.fixture(params=["memory", "redis"])
def shared(request: pytest.FixtureRequest) -> Iterator[Shared]:
    if request.param == "memory":
        now = [0.0]
        memory = SharedMemory(lambda: now[0])

        def pass_time(city: str) -> None:
            now[0] += 10.0

        yield Shared(lambda name: MemorySurgeMap(memory, name), MemoryLive(memory), pass_time)
    else:
        client: redis.Redis = redis_client.connect(request.getfixturevalue("servers").redis_url, 5.0)
        yield Shared(
            lambda name: RedisSurgeMap(client, name),
            RedisLive(client),
            lambda city: client.pexpire(redis_keys.of(redis_keys.SURGE_LEASE, city), 1) and time.sleep(0.02),
        )
        client.close()


def test_one_process_at_a_time_holds_the_lease_and_may_renew_it(shared: Shared) -> None:
    one, two = shared.process("one"), shared.process("two")
    assert one.hold(shared.city)
    assert one.hold(shared.city)
    assert not two.hold(shared.city)
    one.release(shared.city)
    assert two.hold(shared.city)


def test_releasing_what_another_holds_does_nothing(shared: Shared) -> None:
    one, two = shared.process("one"), shared.process("two")
    assert one.hold(shared.city)
    two.release(shared.city)
    assert not two.hold(shared.city)


def test_a_lease_ends_by_itself(shared: Shared) -> None:
    one, two = shared.process("one"), shared.process("two")
    assert one.hold(shared.city)
    shared.lease_ends(shared.city)
    assert two.hold(shared.city)


def test_a_map_is_read_by_all_as_its_holder_put_it(shared: Shared) -> None:
    one = shared.process("one")
    assert one.hold(shared.city)
    assert one.put(shared.map_at(1000))
    assert shared.live.read(shared.city).surge_map == shared.map_at(1000)
    assert one.put(shared.map_at(2000))
    assert shared.live.read(shared.city).surge_map == shared.map_at(2000)


def test_who_does_not_hold_the_lease_puts_nothing(shared: Shared) -> None:
    one, two = shared.process("one"), shared.process("two")
    assert not one.put(shared.map_at(1000))
    assert one.hold(shared.city)
    assert one.put(shared.map_at(1000))
    shared.lease_ends(shared.city)
    assert two.hold(shared.city)
    assert not one.put(shared.map_at(2000))
    assert shared.live.read(shared.city).surge_map == shared.map_at(1000)


def test_a_city_without_anything_shared_has_empty_parts(shared: Shared) -> None:
    assert shared.live.read(shared.city) == LiveParts(None, (), ())


def test_caps_are_read_as_they_were_shared(shared: Shared) -> None:
    caps = (SurgeCap(shared.city, 5, 1.25, 9, "a concert", "ops"), SurgeCap(shared.city, 3, 1.0, 8, "", "ops"))
    shared.live.share_caps(shared.city, caps)
    assert shared.live.read(shared.city).caps == caps
    shared.live.share_caps(shared.city, [])
    assert shared.live.read(shared.city).caps == ()


def test_a_redis_that_is_not_there_says_so_in_the_domains_words() -> None:
    client = redis_client.connect("redis://127.0.0.1:1/0", 0.2)
    store, live = RedisSurgeMap(client, "one"), RedisLive(client)
    for ask in (
        lambda: store.hold("c"),
        lambda: store.release("c"),
        lambda: store.put(SurgeMap("c", 1, None, ())),
        lambda: live.read("c"),
        lambda: live.share_caps("c", []),
    ):
        with pytest.raises(StoreUnavailable):
            ask()


@pytest.mark.parametrize("garbage", [b"not json", b"{}", json.dumps({"schema": 99}).encode()])
def test_garbage_in_redis_is_told_and_not_served(servers: Addresses, garbage: bytes) -> None:
    client: redis.Redis = redis_client.connect(servers.redis_url, 5.0)
    city = f"c{uuid.uuid4().hex[:12]}"
    client.set(redis_keys.of(redis_keys.SURGE_MAP, city), garbage)
    with pytest.raises(StoreUnavailable):
        RedisLive(client).read(city)
    client.close()
