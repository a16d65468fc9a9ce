"""From a ping to a price at 5,000 pings a second: how long, and where the time goes.

Gateways send pings of 20,000 cabs in batches of 100 on a fixed beat, whatever the answers take; each cab is heard every four
seconds. Meanwhile Redis and quotes are looked at many times a second, and each batch is followed afterwards (`bench/hops.py`). A
quote says up to when its whole window is known, which is the oldest of all partitions: those of requests, where nobody asks for
a ride here, move by the tick alone. Looking and asking cost their pauses at most, which are in the figures.
"""

from __future__ import annotations

import functools
import http.client
import json
import pathlib
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from bench.hops import HOPS, Asked, Look, Sent, follow
from bench.soak.processes import running, until
from bench.stage import DOWNTOWN, MISSION, Stage, free_port
from local.stack import SERVER_NAMES, Stack
from wayfare.adapters.redis_window import RedisWindow, ingest_status
from wayfare.domain.geo.cells import cell_of_point, quadkey
from wayfare.domain.streams.panes import GAUGE_TOPIC
from wayfare.domain.times import format_rfc3339, parse_rfc3339
from wayfare.inventory import topic
from wayfare.runtime.clock import wall_ms

AIM_SECONDS = 2.0
PARTITIONS = sum(topic(name).partitions for name in set(GAUGE_TOPIC.values()))
BATCH = 100
BATCHES_PER_SECOND = 50
GATEWAYS = 8
CABS = 20_000
LOOK_SECONDS = 0.01
QUOTE_PAUSE_SECONDS = 0.02
WARM_SECONDS = 5.0
SLICE_SECONDS = 8.0
LAST_SECONDS = 4.0
"""Batches of the end are sent for the sake of those before them: their own prices may come too late to be seen."""


def run(quick: bool) -> dict[str, Any]:
    """Start servers and services, measure, and stop them."""
    slices = 2 if quick else 5
    with tempfile.TemporaryDirectory(prefix="wayfare-bench-") as name, ExitStack() as ends:
        folder = pathlib.Path(name)
        (folder / "stage").mkdir()
        stack = Stack(folder / "servers")
        ends.callback(stack.stop)
        stage = _City(folder / "stage", stack.start(SERVER_NAMES))
        port = free_port()
        for service, more in (
            ("events_api", {"WAYFARE_PORT": str(port), "WAYFARE_ADMIN_PORT": str(free_port())}),
            ("ingest", {}),
        ):
            variables = stage.variables | {"WAYFARE_ADMIN_PORT": "0"} | more
            ends.enter_context(running(f"services.{service}.main", variables, folder / f"{service}.log"))
        ends.enter_context(stage)
        traffic = Traffic(stage, port)
        traffic.go(WARM_SECONDS + slices * SLICE_SECONDS + LAST_SECONDS)
        until(
            lambda: traffic.counted() == BATCH * len(traffic.sent),
            "every ping that was accepted is counted, once",
            30.0,
        )
    return result(traffic, slices)


def result(traffic: Traffic, slices: int) -> dict[str, Any]:
    """The figures of some slices of time, each with its own p99."""
    start = traffic.sent[0].at + WARM_SECONDS
    parts: list[list[tuple[float, ...]]] = [[] for _ in range(slices)]
    for sent in traffic.sent:
        part = int((sent.at - start) // SLICE_SECONDS)
        if 0 <= part < slices:
            hops = follow(sent, traffic.looks, traffic.quotes)
            if hops is None:
                raise AssertionError(f"every batch must reach a price, got none for one received at {sent.received_ms}")
            parts[part].append(hops)
    every = np.array([hops for part in parts for hops in part])
    whole = every.sum(1)
    return {
        "name": "event_hops",
        "what": f"event to price, p99, at {BATCH * BATCHES_PER_SECOND:,} pings/s",
        "peer": f"the aim of {AIM_SECONDS:g} s",
        "ratios": [AIM_SECONDS / float(np.quantile(np.array(part).sum(1), 0.99)) for part in parts],
        "aim": "at least 1",
        "figures": {
            "pings_per_s": BATCH * len(every) / (slices * SLICE_SECONDS),
            "batches": len(every),
            "p50_s": float(np.quantile(whole, 0.5)),
            "p99_s": float(np.quantile(whole, 0.99)),
            "p99_from_202_s": float(np.quantile(whole - every[:, 0], 0.99)),
            "quote_ms": statistics.median(q.answered - q.at for q in traffic.quotes) * 1e3,
            **{f"{hop}_share": float(mean / whole.mean()) for hop, mean in zip(HOPS, every.mean(0), strict=True)},
            **{f"{hop}_mean_s": float(mean) for hop, mean in zip(HOPS, every.mean(0), strict=True)},
            **{f"{hop}_p99_s": float(p99) for hop, p99 in zip(HOPS, np.quantile(every, 0.99, 0), strict=True)},
        },
    }


class _City(Stage):
    """The stage with only its weather made up: its window is what ingest makes of the pings."""

    def _feed(self) -> None:
        window, place = RedisWindow(self.redis), quadkey(cell_of_point(*DOWNTOWN))
        while not self._ended.wait(0.5):
            weather = {"t_ms": wall_ms(), "temperature_c": 12.0, "rain_mm": 0.0, "humidity": 0.7, "wind_ms": 3.0}
            window.put_weather(self.city.id, {place: weather})


class Traffic:
    """What goes on at the same time, and what is seen of it."""

    def __init__(self, stage: Stage, events_port: int) -> None:
        self._stage, self._port = stage, events_port
        bearer = stage.token("service", "gateway")
        self._headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        self.sent: list[Sent] = []
        self.looks: list[Look] = []
        self.quotes: list[Asked] = []
        self._problems: list[BaseException] = []
        self._ended = threading.Event()

    def go(self, seconds: float) -> None:
        """Let pings flow for so long."""
        calls: list[Callable[[], None]] = [self._look, self._quote]
        began = time.monotonic() + 0.5
        calls += [functools.partial(self._send, number, began, seconds) for number in range(GATEWAYS)]
        threads = [threading.Thread(target=self._kept, args=(call,), daemon=True) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads[2:]:
            thread.join()
        self._ended.set()
        for thread in threads[:2]:
            thread.join()
        if self._problems:
            raise self._problems[0]
        self.sent.sort()

    def _kept(self, call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            self._problems.append(error)
            self._ended.set()

    def counted(self) -> int:
        """Pings that have changed the live window."""
        statuses = ingest_status(self._stage.redis, self._stage.city.id)
        return sum(status.applied for status in statuses if status.topic == "driver-pings")

    def _post(self, connection: http.client.HTTPConnection, path: str, body: object, wanted: int) -> Any:
        connection.request("POST", path, json.dumps(body), self._headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != wanted:
            raise AssertionError(f"{path} must be answered {wanted}, got {answer.status} {text[:300]!r}")
        return json.loads(text)

    def _send(self, number: int, began: float, seconds: float) -> None:
        draw = np.random.default_rng(number)
        lat, lon = ((at + draw.uniform(-0.03, 0.03, CABS // GATEWAYS)).tolist() for at in (37.77, -122.44))
        turn = 0
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)) as connection:
            while (due := (turn * GATEWAYS + number) / BATCHES_PER_SECOND) < seconds and not self._ended.is_set():
                time.sleep(max(0.0, began + due - time.monotonic()))
                first = turn * BATCH % len(lat)
                now = format_rfc3339(wall_ms())
                pings = [
                    {"driver_id": f"d-{number}-{n}", "t": now, "lat": lat[n], "lon": lon[n], "status": "available"}
                    for n in range(first, first + BATCH)
                ]
                at = time.monotonic()
                answer = self._post(connection, "/v1/driver-pings", {"pings": pings}, 202)
                self.sent.append(Sent(at, time.monotonic(), parse_rfc3339(answer["received_at"])))
                turn += 1

    def _look(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            statuses = ingest_status(self._stage.redis, self._stage.city.id)
            known = {(one.topic, one.partition): one.log_time_ms for one in statuses if one.topic != "weather"}
            pings = [ms for (name, _partition), ms in known.items() if name == "driver-pings"]
            if len(known) == PARTITIONS:
                self.looks.append(Look(time.monotonic(), min(pings), min(known.values())))

    def _quote(self) -> None:
        body = {"pickup": DOWNTOWN._asdict(), "dropoff": MISSION._asdict()}
        with closing(http.client.HTTPConnection("127.0.0.1", self._stage.http_port, timeout=30)) as connection:
            while not self._ended.wait(QUOTE_PAUSE_SECONDS):
                at = time.monotonic()
                lineage = self._post(connection, "/v1/quotes", body, 201)["lineage"]
                if lineage["window_until"]:
                    self.quotes.append(Asked(at, time.monotonic(), parse_rfc3339(lineage["window_until"])))


if __name__ == "__main__":
    print(json.dumps(run("--quick" in sys.argv), indent=1))
