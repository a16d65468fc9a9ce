"""Redis emptied, Redis started again with nothing, the broker killed: the registers are those of an uninterrupted run."""

from __future__ import annotations

import os
import signal
import time

import pytest
import redis

from bench.soak.processes import until
from local import supervise
from local.stack import Stack

STEPS = 30


def test_a_redis_that_is_emptied_is_filled_again(own_stage):
    with own_stage.log(10) as log, own_stage.ingest() as ingest:
        for step in range(STEPS):
            log.step()
            if step in (10, 20):
                own_stage.until_written()
                own_stage.redis.flushall()
            if step == 21:
                own_stage.kill_and_start(ingest)
        own_stage.until_equal()
        # Also when nothing but time goes on.
        own_stage.redis.flushall()
        log.step()
        own_stage.until_equal()


@pytest.mark.parametrize("server", ["redis", "kafka"])
def test_a_server_that_is_killed_and_started_again_costs_nothing_but_time(own_stack: Stack, own_stage, server):
    with own_stage.log(11) as log, own_stage.ingest():
        for step in range(STEPS):
            log.step()
            if step == 10:
                own_stage.until_written()
                own_stage.redis.set(own_stage.city, "here")
                _kill(own_stack, server)
            if step == 11 and server == "redis":
                until(lambda: _answers(own_stage), "Redis is back")
                assert own_stage.redis.get(own_stage.city) is None, "it has kept nothing"
            time.sleep(0.05)
        own_stage.until_equal()


def _kill(stack: Stack, server: str) -> None:
    """kill -9; supervision starts it again."""
    _state, pid = supervise.states(stack.layout)[server]
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _answers(stage) -> bool:
    try:
        return bool(stage.redis.ping())
    except redis.RedisError:
        return False
