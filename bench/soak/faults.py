"""The faults of a soak, drawn from a seed. Each ends before it returns, but for what it leaves to be recovered from."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import kafka.errors
import redis

from bench.soak.processes import Group, Process
from bench.soak.proxy import Proxy
from local import supervise
from local.stack import Stack


@dataclass(frozen=True)
class Reach:
    """What can be made to fail. spared: a consumer that is never killed, so that its memory can be watched."""

    stack: Stack
    group: Group
    spared: Process
    killed: tuple[Process, ...]
    proxies: tuple[Proxy, ...]
    redis: redis.Redis


Fault = Callable[[Reach, random.Random], None]


def kill_ingest(reach: Reach, draw: random.Random) -> None:
    """kill -9; its group waits for the session time-out to end, or is told at once."""
    process = draw.choice(reach.killed)
    process.kill()
    if draw.random() < 0.7:
        with contextlib.suppress(kafka.errors.KafkaError):
            reach.group.throw_out(process.pid)
    process.start()


def freeze_ingest(reach: Reach, draw: random.Random) -> None:
    """Stopped and continued; in the longer cases its group has given its partitions to others meanwhile."""
    process = draw.choice((reach.spared, *reach.killed))
    process.freeze()
    time.sleep(draw.uniform(0.2, 3.0))
    if draw.random() < 0.5:
        with contextlib.suppress(kafka.errors.KafkaError):
            reach.group.throw_out(process.pid)
        time.sleep(draw.uniform(1.0, 6.0))
    process.thaw()


def slow_connections(reach: Reach, draw: random.Random) -> None:
    proxy = draw.choice(reach.proxies)
    proxy.delay_seconds = draw.choice([0.005, 0.05, 0.3])
    time.sleep(draw.uniform(1.0, 4.0))
    proxy.heal()


def hold_connections(reach: Reach, draw: random.Random) -> None:
    """Nothing goes through, nothing is refused."""
    proxy = draw.choice(reach.proxies)
    proxy.held = True
    time.sleep(draw.uniform(0.5, 6.0))
    proxy.heal()


def cut_connections(reach: Reach, draw: random.Random) -> None:
    draw.choice(reach.proxies).cut()


def empty_redis(reach: Reach, _draw: random.Random) -> None:
    with contextlib.suppress(redis.RedisError):
        reach.redis.flushall()


def kill_redis(reach: Reach, _draw: random.Random) -> None:
    _kill_server(reach.stack, "redis")


def kill_kafka(reach: Reach, _draw: random.Random) -> None:
    _kill_server(reach.stack, "kafka")


def _kill_server(stack: Stack, name: str) -> None:
    """kill -9; supervision starts it again, Redis with nothing."""
    _state, pid = supervise.states(stack.layout).get(name, ("", None))
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


FAULTS: dict[Fault, int] = {
    kill_ingest: 10,
    cut_connections: 4,
    freeze_ingest: 3,
    slow_connections: 3,
    hold_connections: 2,
    empty_redis: 2,
    kill_redis: 1,
    kill_kafka: 1,
}
"""How often each is drawn beside the others."""


def drawn(draw: random.Random) -> Fault:
    """The next fault."""
    return draw.choices(list(FAULTS), list(FAULTS.values()))[0]
