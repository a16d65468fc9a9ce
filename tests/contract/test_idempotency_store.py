"""One suite for the store of first answers, on the memory twin and on Redis."""

import secrets
import threading
import time

import pytest
import redis

from wayfare.adapters.memory_idempotency import MemoryIdempotency
from wayfare.adapters.redis_idempotency import RedisIdempotency
from wayfare.domain.errors import Conflict, StoreUnavailable
from wayfare.domain.idempotency import IN_PROGRESS, Claim, KeptAnswer

ANSWER = KeptAnswer(201, "application/json", b'{"price":"\xc3\xa9"}')


@pytest.fixture(params=["memory", "redis"])
def store(request):
    if request.param == "memory":
        yield MemoryIdempotency()
        return
    client = redis.Redis.from_url(request.getfixturevalue("servers").redis_url, socket_timeout=2)
    yield RedisIdempotency(client)
    client.close()


@pytest.fixture
def key():
    return secrets.token_hex(32)


def test_the_first_claim_wins_and_the_same_body_waits(store, key):
    assert isinstance(store.claim(key, "body", 10), Claim)
    assert store.claim(key, "body", 10) is IN_PROGRESS


def test_another_body_conflicts_while_claimed_and_when_kept(store, key):
    claim = store.claim(key, "body", 10)
    with pytest.raises(Conflict):
        store.claim(key, "another", 10)
    store.keep(claim, ANSWER, 60)
    with pytest.raises(Conflict):
        store.claim(key, "another", 10)


def test_a_kept_answer_comes_back_byte_for_byte(store, key):
    store.keep(store.claim(key, "body", 10), ANSWER, 60)
    assert store.claim(key, "body", 10) == ANSWER


def test_a_released_key_is_free(store, key):
    store.release(store.claim(key, "body", 10))
    assert isinstance(store.claim(key, "another", 10), Claim)


def test_a_claim_whose_attempt_died_ends_by_itself(store, key):
    dead = store.claim(key, "body", 0.05)
    time.sleep(0.1)
    living = store.claim(key, "body", 10)
    assert isinstance(living, Claim)
    store.keep(dead, KeptAnswer(500, "", b"too late"), 60)
    store.release(dead)
    assert store.claim(key, "body", 10) is IN_PROGRESS
    store.keep(living, ANSWER, 60)
    assert store.claim(key, "body", 10) == ANSWER


def test_an_answer_is_forgotten_after_its_time(store, key):
    store.keep(store.claim(key, "body", 10), ANSWER, 0.05)
    time.sleep(0.1)
    assert isinstance(store.claim(key, "another", 10), Claim)


def test_of_many_at_once_one_claims(store, key):
    outcomes = []
    start = threading.Barrier(8)

    def attempt():
        start.wait()
        outcomes.append(store.claim(key, "body", 10))

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(outcome, Claim) for outcome in outcomes) == 1


def test_a_redis_out_of_reach_is_unavailable_and_then_left_alone_for_a_moment(key):
    now = [0.0]
    client = redis.Redis(host="127.0.0.1", port=1, socket_timeout=0.2)
    store = RedisIdempotency(client, rest_seconds=1.0, clock=lambda: now[0])
    with pytest.raises(StoreUnavailable, match="Connection"):
        store.claim(key, "body", 10)
    with pytest.raises(StoreUnavailable, match="left alone"):
        store.claim(key, "body", 10)
    now[0] = 2.0
    with pytest.raises(StoreUnavailable, match="Connection"):
        store.claim(key, "body", 10)


@pytest.mark.servers
def test_an_entry_that_cannot_be_read_is_unavailable_and_not_a_crash(servers, key):
    with redis.Redis.from_url(servers.redis_url) as client:
        store = RedisIdempotency(client)
        store.claim(key, "body", 10)
        name = next(iter(client.scan_iter(f"*{key}")))
        client.set(name, b"garbage", px=5000)
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            store.claim(key, "body", 10)
