"""Told to stop while Kafka is gone, or hangs, every process that uses it is gone within its grace period."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import httpx
import psutil
import pytest

from local import reap
from local.stack import Addresses, Stack
from wayfare.adapters.file_registry import write_cities
from wayfare.adapters.kafka_events import KafkaEventLog
from wayfare.domain.city import City, Place, Tariff
from wayfare.domain.streams.events import DriverPing

ROOT = pathlib.Path(__file__).parents[2]
GRACE_SECONDS = 20.0
SERVICES = ("ingest", "lander", "booking_relay", "events_api")


@pytest.fixture
def kafka() -> Iterator[Stack]:
    """A Kafka of the test's own, with the topics of the inventory."""
    stack = Stack(pathlib.Path(tempfile.mkdtemp(prefix="wayfare-stops-")))
    try:
        stack.start(["kafka"])
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(stack.layout.state)


class Process:
    """One of the services, with settings as every installation gives them."""

    def __init__(self, name: str, folder: pathlib.Path, kafka: Addresses, servers: Addresses) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._admin_port = probe.getsockname()[1]
        told = {
            "STATE": folder,
            "ADMIN_PORT": self._admin_port,
            "PORT": 0,
            "KAFKA_BOOTSTRAP": kafka.kafka_bootstrap,
            "REDIS_URL": servers.redis_url,
            "CASSANDRA_HOSTS": servers.cassandra_hosts,
            "CITIES_FILE": folder / "cities.json",
            "LAKE": folder / "lake",
            "JWKS": folder / "jwks.json",
            "SNAPSHOT_SECONDS": 3600,
            "SNAPSHOT_LEAST_SECONDS": 3600,
        }
        clean = {key: value for key, value in os.environ.items() if not key.startswith("WAYFARE_")}
        with self.log.open("wb") as log:
            self._running = subprocess.Popen(
                [sys.executable, "-m", f"services.{name}.main"],
                cwd=ROOT,
                env=clean | {f"WAYFARE_{key}": str(value) for key, value in told.items()},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def answer(self, path: str) -> httpx.Response | None:
        assert self._running.poll() is None, self.output()
        try:
            return httpx.get(f"http://127.0.0.1:{self._admin_port}{path}", timeout=5)
        except httpx.HTTPError:
            return None

    def output(self) -> str:
        return f"{self.name}: {self.log.read_text()[-4000:]}"

    def ask_to_stop(self) -> None:
        self._asked = time.monotonic()
        self._running.terminate()

    def seconds_since_asked(self) -> float:
        return time.monotonic() - self._asked

    def runs(self) -> bool:
        return self._running.poll() is None

    def kill(self) -> None:
        for process in [*psutil.Process(self._running.pid).children(recursive=True), self._running]:
            process.kill()
        self._running.wait(10)


def until(true: Callable[[], object], what: Callable[[], str], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what()
        time.sleep(0.2)


def metric(process: Process, name: str) -> float:
    found = process.answer("/metrics")
    lines = found.text.splitlines() if found is not None else []
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("away", ["ended", "frozen"])
def test_every_service_that_uses_the_log_stops_in_time(servers: Addresses, kafka: Stack, tmp_path, away: str):
    addresses = kafka.addresses()
    boundary = tuple(Place(*at) for at in [(37.0, -123.0), (38.0, -123.0), (38.0, -122.0), (37.0, -122.0)])
    tariff = Tariff(350, 170, 34, 700)
    city = City("stopping", "Stopping", boundary, Place(37.5, -122.5), "America/Los_Angeles", "USD", "US", tariff)
    write_cities(tmp_path / "cities.json", [city])
    (tmp_path / "jwks.json").write_text('{"keys": []}')
    (tmp_path / "lake").mkdir()
    started = [Process(name, tmp_path, addresses, servers) for name in SERVICES]
    try:
        ingest, _lander, _relay, events_api = started
        for process in started:
            ready = "/healthz" if process is events_api else "/readyz"
            until(lambda p=process, at=ready: (a := p.answer(at)) is not None and a.status_code == 200, process.output)
        # Every partition of ingest has something that no snapshot holds yet.
        log, now = KafkaEventLog({"bootstrap_servers": [addresses.kafka_bootstrap]}), time.time_ns() // 1_000_000
        pings = [DriverPing(f"d-{n}", now, 37.5, -122.5, "available") for n in range(200)]
        log.append("driver-pings", "stopping", pings, now)
        log.close()
        until(lambda: metric(ingest, "wayfare_ingest_events_applied_total") >= len(pings), ingest.output)
        if away == "ended":
            kafka.stop_only(["kafka"])
        else:
            broker = next(p for p, name in reap.marked(kafka.layout.state).items() if name == "kafka")
            broker.send_signal(signal.SIGSTOP)
        time.sleep(3)
        for process in started:
            process.ask_to_stop()
        took: dict[str, float] = {}
        while len(took) < len(started) and ingest.seconds_since_asked() < GRACE_SECONDS:
            for process in started:
                if process.name not in took and not process.runs():
                    took[process.name] = round(process.seconds_since_asked(), 1)
            time.sleep(0.1)
        late = [process.output() for process in started if process.name not in took]
        assert late == [], f"these were not gone after {GRACE_SECONDS:g} s; gone were {took}"
    finally:
        for process in started:
            if process.runs():
                process.kill()
        if away == "frozen":
            broker.send_signal(signal.SIGCONT)
