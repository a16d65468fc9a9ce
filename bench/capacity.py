"""What a ping and a quote cost in CPU, memory and bytes of log, process by process: the figures that capacity is planned from.

CPU time does not depend on what else the machine does as wall time does. Pings are sent as a fleet's gateway would, in
batches over kept connections; quotes at a concurrency of four. Costs are those of the whole process, background work too.
"""

from __future__ import annotations

import concurrent.futures
import json
import math
import pathlib
import random
import tempfile
import time
from typing import Any

import httpx
import psutil

from bench.stage import DOWNTOWN, MISSION, Stage
from local import keys
from local.stack import SERVER_NAMES, Stack
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.clock import wall_ms

STREAM = ("events_api", "ingest")
BATCH = 500
FLEET = 1_000_000
"""Drivers of the plan, each with a ping every PING_SECONDS."""
PING_SECONDS = 4
QUOTES_PER_SECOND = 10_000
BUSY = 0.6
"""Part of a core that is planned to be used at the busiest minute: room for the loss of one zone of three."""


def run(quick: bool) -> dict[str, Any]:
    """Start servers and services, measure, and stop them."""
    with tempfile.TemporaryDirectory(prefix="wayfare-bench-") as name:
        folder = pathlib.Path(name)
        (folder / "stage").mkdir()
        stack = Stack(folder / "servers")
        try:
            servers = stack.start([*SERVER_NAMES, *STREAM])
            figures = pings(stack, 40_000 if quick else 200_000)
            with Stage(folder / "stage", servers) as stage:
                figures |= quotes(stack, stage, 600 if quick else 3_000)
        finally:
            stack.stop()
    return {
        "name": "capacity",
        "what": "CPU of a ping and of a quote",
        "peer": "-",
        "ratios": [],
        "aim": "-",
        "figures": figures | plan(figures),
    }


class Spent:
    """CPU seconds that processes and their children spend while the block lasts."""

    def __init__(self, pids: dict[str, int]) -> None:
        self._pids = pids
        self.seconds: dict[str, float] = {}

    def _now(self) -> dict[str, float]:
        found = {}
        for name, pid in self._pids.items():
            process = psutil.Process(pid)
            family = [process, *process.children(recursive=True)]
            found[name] = math.fsum(sum(one.cpu_times()[:2]) for one in family)
        return found

    def __enter__(self) -> Spent:
        self._before = self._now()
        return self

    def __exit__(self, *_error: object) -> None:
        after = self._now()
        self.seconds = {name: after[name] - self._before[name] for name in after}


def pids(stack: Stack, *names: str) -> dict[str, int]:
    """The processes of an installation by name."""
    return {row.name: row.pid for row in stack.status() if row.name in names and row.pid}


def pings(stack: Stack, count: int) -> dict[str, float]:
    """Send pings of distinct drivers until `count`, and wait until ingest has counted them."""
    processes = {row.name: row for row in stack.status()}
    headers = {"Authorization": f"Bearer {keys.token(stack.layout, 'service', 'gateway')}"}
    draw = random.Random(5)
    log = stack.layout.state / "kafka"
    with httpx.Client(base_url=processes["events_api"].address, headers=headers, timeout=30) as client:
        send(client, draw, range(BATCH))
        counted(processes["ingest"].admin_address, BATCH)
        bytes_before, memory_before = size(log, "driver-pings"), memory(processes["ingest"].pid)
        with Spent(pids(stack, "events_api", "ingest", "kafka", "redis")) as spent:
            for first in range(BATCH, BATCH + count, BATCH):
                send(client, draw, range(first, first + BATCH))
            counted(processes["ingest"].admin_address, BATCH + count)
    found = {f"{name}_us_per_ping": seconds / count * 1e6 for name, seconds in spent.seconds.items()}
    found["kafka_bytes_per_ping"] = (size(log, "driver-pings") - bytes_before) / count
    found["ingest_bytes_per_driver"] = (memory(processes["ingest"].pid) - memory_before) / count
    return found


def send(client: httpx.Client, draw: random.Random, drivers: range) -> None:
    """One batch of pings."""
    now = format_rfc3339(wall_ms())
    batch = [
        {
            "driver_id": f"d-{driver}", "t": now, "status": "available",
            "lat": 37.77 + draw.uniform(-0.03, 0.03), "lon": -122.44 + draw.uniform(-0.03, 0.03),
        }
        for driver in drivers
    ]  # fmt: skip
    answer = client.post("/v1/driver-pings", json={"pings": batch})
    if answer.status_code != 202:
        raise RuntimeError(f"pings were answered {answer.status_code}, got {answer.text[:300]}")


def counted(admin: str, count: int) -> None:
    """Wait until ingest has applied this many pings."""
    ends = time.monotonic() + 300
    while time.monotonic() < ends:
        lines = httpx.get(f"{admin}/metrics", timeout=10).text.splitlines()
        applied = [
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith('wayfare_ingest_events_applied_total{topic="driver-pings"')
        ]
        if sum(applied) >= count:
            return
        time.sleep(0.2)
    raise RuntimeError(f"ingest did not count {count} pings in time, got {applied}")


def size(log: pathlib.Path, topic: str) -> int:
    """Bytes of a topic's segments."""
    return sum(path.stat().st_size for path in log.rglob(f"{topic}-[0-9]*/*.log"))


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    return int(psutil.Process(pid).memory_info().rss)


def quotes(stack: Stack, stage: Stage, count: int) -> dict[str, float]:
    """Ask for quotes, four at a time."""
    body = json.dumps({"pickup": DOWNTOWN._asdict(), "dropoff": MISSION._asdict()})
    headers = {"Authorization": f"Bearer {stage.token('service', 'bench')}", "Content-Type": "application/json"}

    def some(client: httpx.Client, times: int) -> int:
        return sum(client.post("/v1/quotes", content=body, headers=headers).status_code == 201 for _ in range(times))

    ours = {name: stage.processes[name].pid for name in ("pricing_api", "model_server")}
    with httpx.Client(base_url=stage.url, timeout=10) as client, concurrent.futures.ThreadPoolExecutor(4) as pool:
        some(client, 50)
        with Spent(ours | pids(stack, "redis", "kafka")) as spent:
            made = sum(pool.map(lambda _turn: some(client, count // 4), range(4)))
    if made != count // 4 * 4:
        raise RuntimeError(f"every quote must be answered 201, got {made} of {count // 4 * 4}")
    return {f"{name}_us_per_quote": seconds / made * 1e6 for name, seconds in spent.seconds.items()}


def plan(figures: dict[str, float]) -> dict[str, float]:
    """Cores for FLEET drivers and QUOTES_PER_SECOND, at BUSY of each core."""
    pings_per_second = FLEET / PING_SECONDS
    cores = {}
    for name, value in figures.items():
        process, _, unit = name.rpartition("_us_per_")
        if process:
            rate = pings_per_second if unit == "ping" else QUOTES_PER_SECOND
            key = f"{process}_cores_planned"
            cores[key] = cores.get(key, 0.0) + rate * value / 1e6 / BUSY
    return {name: math.ceil(value) for name, value in cores.items()}
