"""Which generation is written to: the newest that the brokers told of lately, and none when they are silent for long."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest

from wayfare.adapters import kafka_generations
from wayfare.adapters.kafka_generations import Generations
from wayfare.domain.errors import LogUnavailable


class Brokers:
    """What an admin client would ask."""

    def __init__(self) -> None:
        self.names = {"driver-pings", "driver-pings.dead-letter", "weather"}
        self.away, self.asked = threading.Event(), threading.Semaphore(0)

    @contextlib.contextmanager
    def admin(self, options, timeout_seconds):
        if self.away.is_set():
            raise LogUnavailable("Kafka did not answer, got nothing")
        yield self

    def list_topics(self):
        if self.away.is_set():
            raise LogUnavailable("Kafka did not answer, got nothing")
        self.asked.release()
        return list(self.names)


@pytest.fixture
def brokers(monkeypatch):
    brokers = Brokers()
    monkeypatch.setattr(kafka_generations, "admin", brokers.admin)
    monkeypatch.setattr(kafka_generations, "LOOK_SECONDS", 0.01)
    return brokers


@pytest.fixture
def generations(brokers):
    generations = Generations({}, 0.3)
    yield generations
    generations.close()
    assert not generations._thread.is_alive()


def test_a_newer_generation_is_written_to_as_soon_as_it_is_there(generations, brokers):
    assert generations.newest("driver-pings") == "driver-pings"
    brokers.names |= {"driver-pings.g2x9"}
    for _ in range(3):
        assert brokers.asked.acquire(timeout=5)
    until = time.monotonic() + 5
    while generations.newest("driver-pings") != "driver-pings.g2x9":
        assert time.monotonic() < until
    assert generations.newest("weather") == "weather"
    assert generations.newest("trips") == "trips", "what is not there yet is told by the write itself"


def test_nothing_is_written_once_the_brokers_were_silent_for_the_lease_and_again_when_they_are_back(
    generations, brokers, monkeypatch
):
    assert generations.newest("weather") == "weather"
    brokers.away.set()
    assert generations.newest("weather") == "weather", "a moment's silence stops nobody"
    until = time.monotonic() + 5
    while "Kafka did not answer" not in generations._why:
        assert time.monotonic() < until
        time.sleep(0.01)
    monkeypatch.setattr(kafka_generations, "LEASE_SECONDS", 0.0)
    with pytest.raises(LogUnavailable, match="Kafka did not answer"):
        generations.newest("weather")
    assert generations.problem is not None
    monkeypatch.setattr(kafka_generations, "LEASE_SECONDS", 10.0)
    brokers.away.clear()
    assert generations.newest("weather") == "weather"
    assert generations.problem is None


def test_before_the_first_answer_a_writer_waits_no_longer_than_it_can_afford(generations, brokers):
    brokers.away.set()
    assert "not asked yet" in str(generations.problem)
    began = time.monotonic()
    with pytest.raises(LogUnavailable, match="the newest generation of weather is not known"):
        generations.newest("weather")
    assert 0.25 < time.monotonic() - began < 5
