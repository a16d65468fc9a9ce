"""`wayfare window seen` over real servers: from Redis, from the log when Redis has forgotten, and with what is promised."""

from __future__ import annotations

import dataclasses
import json
import uuid

import numpy as np
import pytest
import redis
from click.testing import CliRunner

from local.cities import load
from wayfare.adapters.file_registry import write_cities
from wayfare.adapters.json_columns import columns_of
from wayfare.adapters.kafka_client import PANE, Producer
from wayfare.adapters.redis_window import PartitionStatus, RedisWindow
from wayfare.cli.main import group
from wayfare.domain.geo.cells import cell_of_point, quadkey
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.columns import TickAt
from wayfare.domain.streams.events import DriverPing, Recorded
from wayfare.domain.streams.panes import SEEN
from wayfare.domain.streams.seen import INTERVAL_MS
from wayfare.domain.streams.state import PartitionState
from wayfare.domain.times import format_rfc3339

T0 = 3_000_000 * INTERVAL_MS
HERE, THERE = (37.7793, -122.4193), (37.7955, -122.3937)


@pytest.fixture
def city(servers, monkeypatch, tmp_path):
    """A city whose partition 0 saw thirty cabs in the first ten minutes and, of these, ten in the next."""
    name = f"c{uuid.uuid4().hex[:8]}"
    write_cities(tmp_path / "cities.json", [dataclasses.replace(load("sim"), id=name)])
    monkeypatch.setenv("WAYFARE_STATE", str(tmp_path))
    monkeypatch.setenv("WAYFARE_CITIES_FILE", str(tmp_path / "cities.json"))
    monkeypatch.setenv("WAYFARE_KAFKA_BOOTSTRAP", servers.kafka_bootstrap)
    monkeypatch.setenv("WAYFARE_REDIS_URL", servers.redis_url)
    state = PartitionState("driver-pings", 0)
    pings = [DriverPing(f"d{i}", T0 + i, *(HERE if i < 20 else THERE), "available") for i in range(30)]
    pings += [DriverPing(f"d{i}", T0 + INTERVAL_MS + i, *HERE, "available") for i in range(10)]
    rows = columns_of([Recorded(ping, name, ping.t_ms) for ping in pings], np.arange(len(pings)))
    closed = state.take({name: [rows]}, len(pings) - 1)
    closed += state.take({name: [TickAt(50, T0 + 2 * INTERVAL_MS)]}, 50)
    registers = [register for register in closed if register.gauge == SEEN]
    window = RedisWindow(redis.Redis.from_url(servers.redis_url))
    window.put(registers)
    window.put_status(name, [PartitionStatus("driver-pings", 0, 50, T0 + 2 * INTERVAL_MS, len(pings), {})])
    producer = Producer({"bootstrap_servers": [servers.kafka_bootstrap]}, 20.0)
    headers = [("content-type", PANE.encode())]
    producer.wait([producer.send("panes", pane_bytes.encode(r), r.key.encode(), headers) for r in registers])
    producer.close()
    return name


def ask(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(group, ["window", "seen", *words])
    return done.exit_code, done.output


def test_what_was_seen_is_told_with_its_promise_and_the_log_tells_it_when_redis_has_forgotten(city, servers):
    cell = quadkey(cell_of_point(*HERE))
    status, text = ask("--at", "37.7793,-122.4193", "--last", "2", "--json")
    assert status == 0, text
    told = json.loads(text)
    assert (told["city"], told["cell"]) == (city, cell)
    assert [row["begins"] for row in told["intervals"]] == [format_rfc3339(T0), format_rfc3339(T0 + INTERVAL_MS)]
    assert [(row["cabs_in_cell"], row["exact"]) for row in told["intervals"]] == [(20, 20), (10, 10)]
    assert all(0 < row["at_most_above"] < 1 for row in told["intervals"])
    assert [round(row["cabs_in_city"]) for row in told["intervals"]] == [30, 10]
    assert round(told["cabs_in_city"]) == 30, "ten cabs of both intervals are ten cabs"
    client = redis.Redis.from_url(servers.redis_url)
    client.delete(*client.keys(f"wf:{{{city}}}:seen:*"))
    moment = format_rfc3339(T0 + INTERVAL_MS // 2)
    status, text = ask("--cell", cell, "--interval", moment)
    assert status == 0, text
    assert "at most +0.0" in text
    assert "different cabs in the city in all of these: 30 ± 1" in text
    status, text = ask("--cell", cell, "--interval", format_rfc3339(T0 - INTERVAL_MS))
    assert status == 1


def test_a_question_that_cannot_be_asked_is_wrong_usage(city):
    assert ask()[0] == 2
    assert ask("--at", "1,1", "--cell", "0")[0] == 2
    assert ask("--cell", "023")[0] == 2
    assert ask("--cell", "9" * 16)[0] == 2
