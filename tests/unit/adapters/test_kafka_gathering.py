"""Callers at the same time are sent together, and each learns of its own records alone."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka.future import Future

from wayfare.adapters.kafka_gathering import Gathered, Gathering
from wayfare.domain.errors import LogUnavailable


class Sending:
    """Notes who was sent together; each gets its own name as future."""

    def __init__(self, seconds: float = 0.02) -> None:
        self.groups: list[list[str]] = []
        self.error: Exception | None = None
        self.gathering = Gathering(self.send, seconds, 5.0)

    def send(self, together: list[Gathered]) -> None:
        self.groups.append([one.sender for one in together])
        if self.error:
            raise self.error
        for one in together:
            one.futures.append(Future().success(one.sender))

    def call(self, sender: str) -> list[str]:
        mine = Gathered("driver-pings", "sf", [], 0, sender)
        with self.gathering.taking_part():
            self.gathering.hand_on(mine)
            time.sleep(0.002)
        return [future.value for future in mine.futures]


def test_callers_at_the_same_time_are_sent_together_and_none_is_lost_or_sent_twice():
    sending, names = Sending(), [f"s{i}" for i in range(200)]
    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(sending.call, names)) == [[name] for name in names]
    assert sorted(name for group in sending.groups for name in group) == sorted(names)
    assert max(map(len, sending.groups)) > 1


def test_one_who_is_alone_is_not_held_up():
    sending = Sending(seconds=30.0)
    assert sending.call("a") == ["a"]
    assert sending.groups == [["a"]]


@pytest.mark.parametrize("error", [LogUnavailable("away, got nothing"), ValueError("a defect")])
def test_what_goes_wrong_is_told_to_everybody_who_was_sent(error):
    sending, started = Sending(seconds=0.3), threading.Barrier(3)
    sending.error = error
    told: list[Exception] = []

    def call(sender: str) -> None:
        started.wait()
        try:
            sending.call(sender)
        except (LogUnavailable, ValueError) as problem:
            told.append(problem)

    threads = [threading.Thread(target=call, args=(f"s{i}",)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 3
    sending.error = None
    assert sending.call("after") == ["after"]


def test_who_was_sent_by_another_goes_on_when_its_first_record_is_acknowledged():
    futures, gone_on = {name: Future() for name in ("leads", "follows")}, threading.Event()

    def send(together: list[Gathered]) -> None:
        for one in together:
            one.futures.append(futures[one.sender])

    gathering = Gathering(send, 0.2, 5.0)

    def follow() -> None:
        gathering.hand_on(Gathered("driver-pings", "sf", [], 0, "follows"))
        gone_on.set()

    with gathering.taking_part(), gathering.taking_part():
        leader = threading.Thread(
            target=gathering.hand_on, args=(Gathered("driver-pings", "sf", [], 0, "leads"),), daemon=True
        )
        leader.start()
        time.sleep(0.05)
        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        leader.join(5)
        assert not leader.is_alive()
        assert not gone_on.wait(0.1)
        futures["follows"].failure(LogUnavailable("away, got nothing"))
        assert gone_on.wait(5)
        follower.join(5)


def test_who_waits_for_the_brokers_holds_up_nobody():
    stuck, released, sent = threading.Event(), threading.Event(), []

    def send(together: list[Gathered]) -> None:
        for one in together:
            sent.append(one.sender)
            if one.sender == "stuck":
                stuck.set()
                released.wait(10)

    gathering = Gathering(send, 0.0, 5.0)
    first = threading.Thread(target=gathering.hand_on, args=(Gathered("trips", "sf", [], 0, "stuck"),), daemon=True)
    first.start()
    assert stuck.wait(5)
    for name in ("b", "c"):
        gathering.hand_on(Gathered("trips", "sf", [], 0, name))
    assert sent == ["stuck", "b", "c"]
    assert first.is_alive()
    released.set()
    first.join(5)
