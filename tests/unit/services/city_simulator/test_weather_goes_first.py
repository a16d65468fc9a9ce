"""How long an actor waits for its first weather before it asks for prices."""

from __future__ import annotations

import threading
import time

import pytest

from services.city_simulator import actor


class Delivery:
    """Sends weather or not, which is acknowledged after so many looks."""

    def __init__(self, sends: bool, looks: int) -> None:
        self._sends, self.looks = sends, looks

    def sends(self, topic: str) -> bool:
        return topic == "weather" and self._sends

    def wait_for_first(self, topic: str, timeout_seconds: float) -> bool:
        if not self._sends:
            return True
        time.sleep(timeout_seconds / 10)
        self.looks -= 1
        return self.looks <= 0


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actor, "FIRST_WEATHER_SECONDS", 0.3)
    monkeypatch.setattr(actor, "REACHES_PRICES_SECONDS", 0.2)


def waited(delivery: Delivery, stop: threading.Event | None = None) -> float:
    began = time.monotonic()
    actor._wait_for_weather(delivery, stop or threading.Event())
    return time.monotonic() - began


def test_an_actor_without_weather_does_not_wait():
    assert waited(Delivery(sends=False, looks=0)) < 0.1


def test_acknowledged_weather_is_given_the_time_to_reach_prices():
    assert waited(Delivery(sends=True, looks=3)) >= 0.2


def test_weather_that_is_never_acknowledged_is_waited_for_so_long_and_no_longer():
    delivery = Delivery(sends=True, looks=10_000)
    assert 0.5 <= waited(delivery) < 5.0
    assert delivery.looks > 0


def test_a_process_that_is_told_to_stop_waits_no_longer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(actor, "FIRST_WEATHER_SECONDS", 60.0)
    monkeypatch.setattr(actor, "REACHES_PRICES_SECONDS", 60.0)
    stop = threading.Event()
    stop.set()
    assert waited(Delivery(sends=True, looks=10_000), stop) < 5.0
