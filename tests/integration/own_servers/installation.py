"""An installation of a test's own: servers that it may stop, and events that go through it."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
import redis

from local import keys
from local.stack import Addresses, Stack
from wayfare.adapters.redis_window import ingest_status
from wayfare.adapters.window_proof import prove
from wayfare.domain.times import format_rfc3339

CITY = "sim"
SECONDS = 60.0
APPEND_SECONDS = 1.0
"""How long events_api gives the log: apps learn soon that it stands still."""


@dataclass
class Installation:
    """Kafka, Redis, events_api and ingest, and nothing that others rely on."""

    stack: Stack
    at: Addresses
    accepted: set[str] = field(default_factory=set)
    admin: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Once: what tells them asks every server how it is, a frozen one too.
        self.admin = {row.name: row.admin_address for row in self.stack.status() if row.admin_address}

    def pid(self, name: str) -> int:
        (pid,) = [row.pid for row in self.stack.status() if row.name == name]
        assert pid is not None, f"{name} does not run"
        return pid

    def memory_mib(self, name: str) -> float:
        return float(psutil.Process(self.pid(name)).memory_info().rss) / 2**20

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A server that takes connections and answers nothing."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @property
    def options(self) -> dict[str, Any]:
        return {"bootstrap_servers": [self.at.kafka_bootstrap]}

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.at.redis_url)

    def client(self) -> httpx.Client:
        token = keys.token(self.stack.layout, "service", "s-1")
        return httpx.Client(base_url=str(self.at.events_url), timeout=30, headers={"Authorization": f"Bearer {token}"})

    def post(self, client: httpx.Client, drivers: list[str]) -> httpx.Response:
        """Where these cabs are; what was answered with 202 is kept in `accepted`."""
        now = format_rfc3339(time.time_ns() // 1_000_000)
        pings = [{"driver_id": d, "t": now, "lat": 37.7793, "lon": -122.4193, "status": "available"} for d in drivers]
        answer = client.post("/v1/driver-pings", json={"pings": pings})
        if answer.status_code == 202:
            self.accepted |= {f"{driver}@{now}" for driver in drivers}
        return answer

    def metric(self, service: str, name: str) -> float:
        """The sum of a service's metric over its labels."""
        lines = httpx.get(f"{self.admin[service]}/metrics", timeout=5).text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)

    def reasons(self, service: str) -> dict[str, str]:
        """Why a service is not ready."""
        return dict(httpx.get(f"{self.admin[service]}/readyz", timeout=5).json().get("reasons", {}))

    def counted(self) -> int:
        """Rows of pings that ingest has written of, applied and rejected."""
        found = ingest_status(self.redis(), CITY) + ingest_status(self.redis(), "")
        return sum(one.applied + sum(one.rejected.values()) for one in found if one.topic == "driver-pings")

    def proven(self) -> int:
        """How many registers of the live window are what the log gives; none may differ."""
        proof = prove(self.options, self.redis(), CITY)
        assert proof.differences == {}
        return proof.registers


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, f"after {SECONDS:g} s still not: {what}"
        time.sleep(0.1)


@contextlib.contextmanager
def installation(**settings: str) -> Iterator[Installation]:
    """Started with these WAYFARE_* settings, and ended with everything that it wrote."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="wayfare-own-"))
    stack = Stack(folder, settings={f"WAYFARE_{name}": value for name, value in settings.items()})
    try:
        addresses = stack.start(["kafka", "redis", "events_api", "ingest"])
        stack.wait_ready(["events_api", "ingest"])
        yield Installation(stack, addresses)
    finally:
        stack.stop()
        shutil.rmtree(folder)


@contextlib.contextmanager
def load(own: Installation, threads: int, batch: int) -> Iterator[list[tuple[int, float, str | None]]]:
    """Apps that send without pause: (status, seconds, Retry-After) of each answer."""
    stop, answers = threading.Event(), []

    def run(number: int) -> None:
        turn = 0
        with own.client() as client:
            while not stop.is_set():
                began = time.monotonic()
                answer = own.post(client, [f"d{number}-{turn}-{i}" for i in range(batch)])
                answers.append((answer.status_code, time.monotonic() - began, answer.headers.get("Retry-After")))
                turn += 1
                time.sleep(0.05)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in running:
            thread.join()
