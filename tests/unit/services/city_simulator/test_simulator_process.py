"""The two processes, as supervision runs them: they wait, play, and end cleanly with exact figures."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local.cities import load
from wayfare.adapters.file_registry import write_cities
from wayfare.domain.city import CityClock
from wayfare.domain.times import parse_rfc3339
from wayfare.runtime.clock import wall_ms

SIM_MS = parse_rfc3339("2026-03-07T01:30:00Z")
REPLAY_MS = parse_rfc3339("2008-05-20T07:00:00Z")


class Actor:
    """One process under test."""

    def __init__(self, module: str, environment: dict[str, str], log: pathlib.Path) -> None:
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module], env={**os.environ, **environment}, stdout=out, stderr=out
            )

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]

    def admin(self) -> str:
        found = [line["admin_port"] for line in self.lines() if "admin_port" in line]
        return f"http://127.0.0.1:{found[0]}"

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


Start = Callable[..., Actor]


@pytest.fixture
def start(apis: Any, token_file: pathlib.Path, tmp_path: pathlib.Path) -> Iterator[Start]:
    actors: list[Actor] = []

    def begin(module: str, **more: str) -> Actor:
        environment = {
            "WAYFARE_STATE": str(tmp_path),
            "WAYFARE_CITIES_FILE": str(tmp_path / "cities.json"),
            "WAYFARE_EVENTS_URL": apis.url,
            "WAYFARE_PRICING_URL": apis.url,
            "WAYFARE_SERVICE_TOKEN_FILE": str(token_file),
            "WAYFARE_ADMIN_PORT": "0",
            "WAYFARE_PROBE_SECONDS": "0.2",
        }
        actors.append(Actor(module, environment | more, tmp_path / "log"))
        return actors[-1]

    yield begin
    for actor in actors:
        if actor.process.poll() is None:
            actor.process.kill()
            actor.process.wait()


def register(folder: pathlib.Path, city: str, city_ms: int, speed: float) -> None:
    clock = CityClock(wall_anchor_ms=wall_ms(), city_anchor_ms=city_ms, speed=speed)
    write_cities(folder / "cities.json", [dataclasses.replace(load(city), clock=clock)])


def figures(folder: pathlib.Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / "run" / "simulator.json").read_text())
    except FileNotFoundError:
        return {}
    return found


def wait_for(condition: Callable[[], Any], seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.05)


def test_the_simulator_plays_through_faults_and_ends_with_exact_counts(
    apis: Any, start: Start, tmp_path: pathlib.Path
) -> None:
    register(tmp_path, "sim", SIM_MS, speed=20.0)
    apis.faults = {
        "/v1/driver-pings": ["503", "cut", "503"],
        "/v1/ride-requests": ["cut", "503"],
        "/v1/quotes": ["503", "cut"],
        "/v1/weather": ["503"],
    }
    actor = start("services.city_simulator.main", WAYFARE_WARM_UP_HOURS="1")
    wait_for(lambda: figures(tmp_path).get("bookings", 0) >= 2 and figures(tmp_path)["event_to_price_measured"] >= 2)
    with urllib.request.urlopen(actor.admin() + "/readyz", timeout=5) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(actor.admin() + "/metrics", timeout=5) as answer:
        assert b"wayfare_actor_events_total" in answer.read()
    assert actor.stop() == 0
    final = figures(tmp_path)
    assert final["done"] is True
    assert final["events_pending"] == 0
    assert final["events_lost"] == {}
    topics = {"/v1/driver-pings": "driver-pings", "/v1/ride-requests": "ride-requests"}
    topics |= {"/v1/trips": "trips", "/v1/weather": "weather"}
    recorded: dict[str, int] = {}
    for path, *_ in apis.recorded:
        recorded[topics[path]] = recorded.get(topics[path], 0) + 1
    assert final["events_sent"] == recorded
    assert final["quotes"] == sum(final["multipliers"].values()) > 0
    assert final["bookings"] == len(apis.booked)
    assert final["cabs"] > 30
    assert final["first_undegraded_quote_at"] is not None
    assert final["failures"] == []


def test_the_simulator_waits_for_its_city_and_says_so(apis: Any, start: Start, tmp_path: pathlib.Path) -> None:
    register(tmp_path, "sf", SIM_MS, speed=1.0)
    actor = start("services.city_simulator.main")
    time.sleep(3.0)
    assert actor.process.poll() is None
    assert apis.calls == {}
    register(tmp_path, "sim", SIM_MS, speed=1.0)
    wait_for(lambda: figures(tmp_path).get("quotes", 0) > 0)
    assert actor.stop() == 0


def test_a_simulator_without_settings_says_everything_that_is_missing(tmp_path: pathlib.Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.city_simulator.main"],
        env={name: value for name, value in os.environ.items() if not name.startswith("WAYFARE_")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    for name in ("WAYFARE_STATE", "WAYFARE_CITIES_FILE", "WAYFARE_EVENTS_URL", "WAYFARE_SERVICE_TOKEN_FILE"):
        assert name in done.stderr


def test_no_price_is_asked_for_before_weather_was_acknowledged(apis: Any, start: Start, tmp_path: pathlib.Path) -> None:
    register(tmp_path, "sim", SIM_MS, speed=1.0)
    apis.faults["/v1/weather"] = ["503"] * 1_000
    actor = start("services.city_simulator.main", WAYFARE_WARM_UP_HOURS="0.1")
    wait_for(lambda: apis.calls["/v1/weather"] >= 5 and figures(tmp_path).get("events_sent", {}).get("driver-pings"))
    assert apis.calls["/v1/quotes"] == 0
    apis.faults["/v1/weather"] = []
    wait_for(lambda: apis.calls["/v1/quotes"] > 0)
    assert [event["t"] for event in apis.of("/v1/weather")] == ["2026-03-07T01:00:00Z"]
    assert actor.stop() == 0


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"WAYFARE_ENV": "production", "WAYFARE_KAFKA_BOOTSTRAP": "k:9092"},
            "where they are checked and authenticated",
        ),
        ({}, "needs WAYFARE_KAFKA_BOOTSTRAP"),
    ],
)
def test_events_straight_into_kafka_are_refused_in_production_and_without_brokers(
    variables: dict[str, str], message: str, tmp_path: pathlib.Path
) -> None:
    told = {
        "WAYFARE_STATE": str(tmp_path),
        "WAYFARE_CITIES_FILE": str(tmp_path / "cities.json"),
        "WAYFARE_EVENTS_URL": "http://127.0.0.1:9",
        "WAYFARE_PRICING_URL": "http://127.0.0.1:9",
        "WAYFARE_SERVICE_TOKEN_FILE": str(tmp_path / "token"),
        "WAYFARE_DELIVERY": "kafka",
    }
    outside = {name: value for name, value in os.environ.items() if not name.startswith("WAYFARE_")}
    done = subprocess.run(
        [sys.executable, "-m", "services.city_simulator.main"],
        env=outside | told | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "WAYFARE_DELIVERY: " in done.stderr
    assert message in done.stderr
    assert done.stderr.rstrip().endswith("got 'kafka'")


def test_the_replayer_sends_a_recording_to_its_end_once_and_says_so(
    apis: Any, start: Start, tmp_path: pathlib.Path
) -> None:
    rows = 240
    second = REPLAY_MS // 1000
    times = [second + 240 + 3 * i for i in range(rows)]
    table = pa.table(
        {
            "cab": ["a"] * rows,
            "t": pa.array(times, pa.int32()),
            "lat_e5": pa.array([3_777_000] * rows, pa.int32()),
            "lon_e5": pa.array([-12_241_000] * rows, pa.int32()),
            "occ": [20 <= i % 60 < 40 for i in range(rows)],
        }
    )
    pq.write_table(table, tmp_path / "fixes.parquet")
    register(tmp_path, "sf", REPLAY_MS, speed=60.0)
    apis.faults["/v1/trips"] = ["cut"]
    actor = start("services.city_simulator.replay_main", WAYFARE_REPLAY_FILE=str(tmp_path / "fixes.parquet"))
    wait_for(lambda: figures(tmp_path).get("finished") and not figures(tmp_path)["events_pending"])
    assert actor.stop() == 0
    assert any("the recording has ended" in line["message"] for line in actor.lines())
    final = figures(tmp_path)
    pings = {key[2] for key in apis.recorded if key[0] == "/v1/driver-pings"}
    assert final["events_sent"]["driver-pings"] == len(pings)
    # On a busy machine the process may need longer to start than the 4 s of wall time before the first fix.
    assert 20 < final["events_sent"]["driver-pings"] <= rows
    assert final["events_sent"].get("trips", 0) == len([key for key in apis.recorded if key[0] == "/v1/trips"])
    assert final["actor"] == "replayer"
