"""Faults: each service killed, each dependency taken away. Nothing acknowledged is lost; quotes go on, typed."""

from __future__ import annotations

import time
import uuid

import pytest

from local import supervise
from tests.e2e.apps import Account, Driver
from wayfare.inventory import SERVICES

pytestmark = pytest.mark.timeout(900)  # the first test waits for a whole installation, a training included

DEADLINE_SECONDS = 0.25
PATIENCE_SECONDS = 2.0
"""Quotes answer within the deadline; a loaded machine adds scheduling delays of its own."""


def test_every_service_killed_comes_back_and_no_acknowledged_event_is_lost(city):
    account = Account(city)
    with Driver(city) as driver:
        for service in SERVICES:
            time.sleep(1.0)
            killed = city.kill(service.name)
            # TensorFlow alone takes a busy machine most of a minute to import.
            city.until(lambda of=(service.name, killed): city.is_back(*of), 180, f"{service.name} back in health")
            city.until(city.is_priced, 30, f"quotes after {service.name} was killed")
        driver.end()
    assert driver.acknowledged > 50
    account.assert_each_is_recorded_and_counted_once(driver)


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
