"""Faults: each service killed, each dependency taken away. Nothing acknowledged is lost; quotes go on, typed."""

from __future__ import annotations

import threading
import time
import uuid

import httpx
import pytest

from local import supervise
from local.demo import settle
from local.demo.accounting import LogReader
from wayfare.inventory import SERVICES

pytestmark = pytest.mark.timeout(900)  # the first test waits for a whole installation, a training included

DEADLINE_SECONDS = 0.25
PATIENCE_SECONDS = 2.0
"""Quotes answer within the deadline; a loaded machine adds scheduling delays of its own."""


def scattered(number: int) -> tuple[float, float]:
    """A place of the city, another one for each number."""
    return 37.74 + 0.04 * (number * 0.618 % 1), -122.47 + 0.06 * (number * 0.414 % 1)


class Driver(threading.Thread):
    """Sends pings until told to stop, each again until it is acknowledged; counts those that were."""

    def __init__(self, city, sender: str) -> None:
        super().__init__(daemon=True)
        self.city, self.sender = city, sender
        self.stop, self.acknowledged = threading.Event(), 0

    def run(self) -> None:
        headers = self.city.token("service", self.sender)
        number = 0
        while not self.stop.is_set():
            number += 1
            lat, lon = scattered(number)
            one = {
                "driver_id": f"{self.sender}-{number % 40}",
                "t": self.city.now(),
                "lat": lat,
                "lon": lon,
                "status": "available",
            }
            while True:
                try:
                    if (
                        self.city.events.post("/v1/driver-pings", json={"pings": [one]}, headers=headers).status_code
                        == 202
                    ):
                        self.acknowledged += 1
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
            time.sleep(0.05)


def test_every_service_killed_comes_back_and_no_acknowledged_event_is_lost(city):
    sender = f"s-{uuid.uuid4().hex[:12]}"
    reader = LogReader(city.stack.addresses().kafka_bootstrap)
    start, before = reader.ends(), dict(settle.processed(city.stack).rows)
    driver = Driver(city, sender)
    driver.start()
    for service in SERVICES:
        time.sleep(1.0)
        city.kill(service.name)
        city.until(
            lambda service=service: next(r.health for r in city.stack.status() if r.name == service.name) == "ok",
            60,
            f"{service.name} back in health",
        )
        city.until(lambda: city.quote("r-1").status_code == 201, 30, f"quotes after {service.name} was killed")
    driver.stop.set()
    driver.join(30)
    end = reader.ends()
    city.until(lambda: settle.processed(city.stack).reaches(end, start), 60, "everything recorded processed")
    recorded = reader.read(start, end, sender)
    reader.close()
    counted = settle.processed(city.stack).rows["driver-pings"] - before.get("driver-pings", 0)
    others = recorded.foreign.get("driver-pings", 0) + recorded.repeated.get("driver-pings", 0)
    assert driver.acknowledged > 50
    assert recorded.own("driver-pings") == driver.acknowledged
    assert counted - others == driver.acknowledged


@pytest.mark.parametrize(
    ("gone", "named"),
    [("model_server", "model"), ("redis", None), ("ingest", "live_window"), ("cassandra", None)],
)
def test_quotes_go_on_while_a_dependency_is_gone(city, gone, named):
    city.until(city.undegraded, 60, "an undegraded quote beforehand")
    supervise.stop(city.stack.layout, [gone])
    try:
        if named is not None:
            city.until(
                lambda: any(line.startswith(named) for line in city.quote("r-1").json()["degraded"]),
                90,
                f"{named} degraded",
            )
        began = time.monotonic()
        answer = city.quote(f"r-{uuid.uuid4().hex[:12]}")
        took = time.monotonic() - began
        assert answer.status_code == 201, answer.text
        assert took <= DEADLINE_SECONDS + PATIENCE_SECONDS
        if gone == "cassandra":
            refused = city.book("r-1", city.quote("r-1").json()["quote_token"])
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
    finally:
        city.stack.start([gone])
        city.stack.wait_ready(timeout_seconds=120.0)
