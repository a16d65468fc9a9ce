"""What the apps do meanwhile: a driver that sends, and a rider that asks and books, each until told to stop."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx

from local.demo import settle
from local.demo.accounting import LogReader


def scattered(number: int) -> tuple[float, float]:
    """A place of the city, another one for each number."""
    return 37.74 + 0.04 * (number * 0.618 % 1), -122.47 + 0.06 * (number * 0.414 % 1)


class Driver(threading.Thread):
    """Sends pings until told to stop, each again until it is acknowledged; counts those that were."""

    def __init__(self, city: Any) -> None:
        super().__init__(daemon=True)
        self.city, self.sender = city, f"s-{uuid.uuid4().hex[:12]}"
        self.stop, self.give_up, self.acknowledged = threading.Event(), threading.Event(), 0

    def run(self) -> None:
        headers = self.city.token("service", self.sender)
        number = 0
        while not self.stop.is_set():
            number += 1
            lat, lon = scattered(number)
            one = {"driver_id": f"{self.sender}-{number % 40}", "t": self.city.now(), "status": "available"}
            body = {"pings": [one | {"lat": lat, "lon": lon}]}
            while not self._sent(body, headers) and not self.give_up.is_set():
                time.sleep(0.1)
            time.sleep(0.05)

    def _sent(self, body: Any, headers: dict[str, str]) -> bool:
        try:
            taken = self.city.events.post("/v1/driver-pings", json=body, headers=headers).status_code == 202
        except httpx.TransportError:
            return False
        self.acknowledged += taken
        return taken

    def end(self) -> None:
        """Let what is under way be acknowledged, then stop."""
        self.stop.set()
        self.join(60)
        assert not self.is_alive(), "the last ping was never acknowledged"

    def __enter__(self) -> Driver:
        self.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self.stop.set()
        self.give_up.set()
        self.join(60)


class Account:
    """What becomes of pings that are sent from here on."""

    def __init__(self, city: Any) -> None:
        self._city = city
        reader = LogReader(city.stack.addresses().kafka_bootstrap)
        self._start, self._before = reader.ends(), dict(settle.processed(city.stack).rows)
        reader.close()

    def assert_each_is_recorded_and_counted_once(self, driver: Driver) -> None:
        """Waits until everything recorded is processed."""
        stack = self._city.stack
        reader = LogReader(stack.addresses().kafka_bootstrap)
        end = reader.ends()
        what = "everything recorded processed"
        self._city.until(lambda: settle.processed(stack).reaches(end, self._start), 60, what)
        recorded = reader.read(self._start, end, driver.sender)
        reader.close()
        counted = settle.processed(stack).rows["driver-pings"] - self._before.get("driver-pings", 0)
        others = recorded.foreign.get("driver-pings", 0) + recorded.repeated.get("driver-pings", 0)
        assert recorded.own("driver-pings") == driver.acknowledged
        assert counted - others == driver.acknowledged


@dataclass
class Asked:
    """One quote: how long it took, its status and its body."""

    seconds: float
    status: int
    body: dict[str, Any]


@dataclass
class Rider(threading.Thread):
    """Asks for prices until told to stop, and books each `book_each`-th quote that it gets."""

    city: Any
    book_each: int = 5
    asked: list[Asked] = field(default_factory=list)
    booked: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Acknowledged bookings by their id."""
    refused: list[dict[str, Any]] = field(default_factory=list)
    """Quotes whose booking was answered 503."""

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.name_in_city = f"r-{uuid.uuid4().hex[:12]}"
        self.stop = threading.Event()

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        while not self.stop.is_set():
            began = time.monotonic()
            answer = self.city.quote(self.name_in_city)
            self.asked.append(Asked(time.monotonic() - began, answer.status_code, answer.json()))
            if answer.status_code == 201 and len(self.asked) % self.book_each == 0:
                self._book(answer.json())
            time.sleep(0.1)

    def _book(self, quote: dict[str, Any]) -> None:
        answer = self.city.book(self.name_in_city, quote["quote_token"])
        if answer.status_code == 201:
            self.booked[answer.json()["booking_id"]] = answer.json()
        else:
            assert answer.status_code == 503, answer.text
            self.refused.append(quote)

    def end(self) -> None:
        """Stop asking."""
        self.stop.set()
        self.join(30)
        assert not self.is_alive(), "a quote or booking was never answered"

    def __enter__(self) -> Rider:
        self.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self.stop.set()
        self.join(30)
