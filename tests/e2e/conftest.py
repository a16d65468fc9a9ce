"""One whole installation for all journeys: real servers, every service, a small history, a trained and published model."""

from __future__ import annotations

import os
import pathlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import psutil
import pytest

from local import cities, keys
from local.demo import clocks, prepare
from local.stack import SERVER_NAMES, SERVICE_NAMES, Stack
from tests.e2e.collector import Collector
from wayfare.adapters.file_registry import FileRegistry, write_cities
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.clock import wall_ms

SMALL = {
    "WAYFARE_HISTORY_DAYS": "10",
    "WAYFARE_HISTORY_TRIPS": "20000",
    "WAYFARE_TRAINING_ROWS": "3000",
    "WAYFARE_EPOCHS": "6",
    "WAYFARE_STALE_AFTER_SECONDS": "10",
    "WAYFARE_TRACE_SHARE": "0",
    "WAYFARE_RULES_SCALE": "60",
}
"""A model good enough to be served; how good a model is belongs to the tests of the pipeline. And a window that ages
while a journey waits."""

NONE: Mapping[str, str] = {}
DOWNTOWN = {"lat": 37.7793, "lon": -122.4193}
FERRY_BUILDING = {"lat": 37.7955, "lon": -122.3937}


@dataclass(frozen=True)
class City:
    """The installation as an app or an operator sees it."""

    stack: Stack
    events: httpx.Client
    pricing: httpx.Client

    def token(self, role: str, subject: str) -> dict[str, str]:
        """The header of a caller."""
        return {"Authorization": f"Bearer {keys.token(self.stack.layout, role, subject)}"}

    def now(self) -> str:
        """The city's clock."""
        return format_rfc3339(self.now_ms())

    def now_ms(self) -> int:
        """The city's clock in milliseconds."""
        registry = FileRegistry(self.stack.layout.cities_file, production=False).now()
        return registry.get("sim").clock.at(wall_ms())

    def quote(self, rider: str, headers: Mapping[str, str] = NONE, **more: Any) -> httpx.Response:
        """Ask for a price between two usual places."""
        body = {"pickup": DOWNTOWN, "dropoff": FERRY_BUILDING} | more
        return self.pricing.post("/v1/quotes", json=body, headers=self.token("rider", rider) | dict(headers))

    def book(self, rider: str, quote_token: str, **headers: str) -> httpx.Response:
        """Book a quote."""
        return self.pricing.post(
            "/v1/bookings", json={"quote_token": quote_token}, headers=self.token("rider", rider) | headers
        )

    def ping(self, driver: str, lat: float, lon: float, headers: Mapping[str, str] = NONE) -> httpx.Response:
        """Tell where one available cab is."""
        body = {"pings": [{"driver_id": driver, "t": self.now(), "lat": lat, "lon": lon, "status": "available"}]}
        return self.events.post("/v1/driver-pings", json=body, headers=self.token("driver", driver) | dict(headers))

    def tell_weather(self) -> None:
        """One observation downtown, as the weather's source sends each hour."""
        observed = {"temperature_c": 12.5, "rain_mm": 0.0, "humidity": 0.7, "wind_ms": 4.0}
        body = {"observations": [DOWNTOWN | observed | {"t": self.now()}]}
        answer = self.events.post("/v1/weather", json=body, headers=self.token("service", "weather"))
        assert answer.status_code == 202, answer.text

    def undegraded(self) -> bool:
        """True when a price stands on everything it should stand on."""
        answer = self.quote("r-1")
        return answer.status_code == 201 and answer.json()["degraded"] == []

    def map_is_there(self) -> bool:
        """True once a surge map has been computed."""
        params = {"bbox": "-122.52,37.60,-122.35,37.83"}
        return self.pricing.get("/v1/surge/map", params=params, headers=self.token("rider", "r-1")).status_code == 200

    def kill(self, name: str) -> int:
        """kill -9 of a process of this installation; returns the pid that it had."""
        pid = next(row.pid for row in self.stack.status() if row.name == name)
        assert pid is not None
        psutil.Process(pid).kill()
        return pid

    def is_back(self, name: str, killed: int) -> bool:
        """True when another process than the killed one does its work: a killed one answers until it is gone."""
        row = next(row for row in self.stack.status() if row.name == name)
        return row.pid not in (None, killed) and row.health == "ok"

    def is_priced(self) -> bool:
        """True when a rider gets a price; a connection that is refused is none."""
        try:
            return self.quote("r-1").status_code == 201
        except httpx.TransportError:
            return False

    def until(self, true: Callable[[], Any], seconds: float, what: str) -> Any:
        """Wait for something to become true and return it."""
        deadline = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < deadline, f"{what} did not come true in {seconds:g} s"
            time.sleep(0.05)
        return found


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector | None]:
    """Where the installation sends the traces that callers asked for; None for one that was kept, which has its own."""
    if os.environ.get("WAYFARE_TEST_INSTALLATION"):
        yield None
        return
    started = Collector()
    yield started
    started.close()


@pytest.fixture(scope="session")
def city(pytestconfig: pytest.Config, collector: Collector | None) -> Iterator[City]:
    """The installation, started once.

    $WAYFARE_TEST_INSTALLATION names a state folder to keep: it is made there if need be and left running, for writing
    journeys without waiting for history and training each time.
    """
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(name: str, what: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"e2e: {name} {what[:150]}", flush=True)

    kept = os.environ.get("WAYFARE_TEST_INSTALLATION")
    settings = SMALL if collector is None else SMALL | {"WAYFARE_OTLP_ENDPOINT": collector.url}
    stack = Stack(pathlib.Path(kept or tempfile.mkdtemp(prefix="wayfare-e2e-")), settings=settings)
    try:
        if not kept or any(row.health != "ok" for row in stack.status()) or not stack.status():
            build(stack, say)
        addresses = stack.addresses()
        with (
            httpx.Client(base_url=str(addresses.events_url), timeout=10.0) as events,
            httpx.Client(base_url=str(addresses.pricing_url), timeout=10.0) as pricing,
        ):
            started = City(stack, events, pricing)
            started.tell_weather()
            started.until(started.undegraded, 60, "the first undegraded quote")
            started.until(started.map_is_there, 30, "the first surge map")
            yield started
    finally:
        if not kept:
            stack.stop(say)
    if not kept:
        shutil.rmtree(stack.layout.state)


def build(stack: Stack, say: Callable[[str, str], None]) -> None:
    """Servers, history, services, a trained and published model; all ready."""
    new = not stack.layout.cities_file.exists()
    stack.start(SERVER_NAMES, say)
    environment = {**os.environ, **stack.environment()}
    if new:
        write_cities(stack.layout.cities_file, [cities.load("sim")])
        prepare.history("sim", None, environment, say)
        begins = clocks.start_of("sim", stack.layout.lake)
        clocks.register(stack.layout.cities_file, "sim", begins, wall_ms(), 1.0)
    stack.start(SERVICE_NAMES, say)
    prepare.model("sim", environment, say)
    stack.wait_ready(timeout_seconds=180.0)
