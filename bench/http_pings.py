"""Pings accepted over HTTP per core of the server, one to a request and 500 to a request, and what sharing records saves.

Ours is events_api as it is run: tokens, strict bodies, city, clock, packing; `alone` is the same with WAYFARE_GATHER_SECONDS=0,
so that no request shares a record with another. The peer is `bench/plain_events.py` under the same gunicorn with as many
threads, waiting for the log's acknowledgement as ours does; `untold` is the peer that answers without waiting. The same
clients send the same pings over kept connections to each in turn. What each has put into the log is compared first. `crowd` is
events_api with 64 threads for 64 clients, and `crowd_alone` the same without gathering.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import secrets
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from typing import Any

import kafka
from kafka.admin import KafkaAdminClient, NewTopic

from bench.http_load import Sender, Service, load, running
from bench.paired import ratios
from bench.stage import free_port
from local import cities
from local.stack import Stack
from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.file_registry import write_cities
from wayfare.adapters.jwt_development import development_token, make_development_key
from wayfare.adapters.kafka_client import ARROW, header
from wayfare.adapters.kafka_events import KIND_HEADER
from wayfare.domain.times import format_rfc3339
from wayfare.inventory import topic
from wayfare.runtime.clock import wall_ms

CLIENTS, CROWD = 16, 64
"""As many as the servers have threads."""
PATH = "/v1/driver-pings"
TOPIC = "driver-pings"
ASKED = (
    ("ours", 1), ("ours", 500), ("alone", 1), ("plain", 1), ("plain", 500), ("untold", 1), ("untold", 500), ("crowd", 1),
    ("crowd_alone", 1),
)  # fmt: skip

Found = Counter[tuple[str, str, float, float, str]]


def run(quick: bool) -> dict[str, Any]:
    """Start Kafka and the services, measure, stop them."""
    with tempfile.TemporaryDirectory(prefix="wayfare-bench-") as name:
        folder = pathlib.Path(name)
        servers = Stack(folder / "servers")
        try:
            return measure(folder, servers.start(["kafka"]).kafka_bootstrap, 3 if quick else 5, 1.0 if quick else 2.0)
        finally:
            servers.stop()


def measure(folder: pathlib.Path, bootstrap: str, turns: int, seconds: float) -> dict[str, Any]:
    """The figures over a running Kafka."""
    plain_topic = f"bench-{secrets.token_hex(4)}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(plain_topic, num_partitions=topic(TOPIC).partitions, replication_factor=1)])
    admin.close()
    senders = _senders(folder)
    topics = dict.fromkeys(("ours", "alone", "crowd", "crowd_alone"), TOPIC) | {
        "plain": plain_topic,
        "untold": plain_topic,
    }
    cost: dict[tuple[str, int], list[float]] = {at: [] for at in ASKED}
    rate: dict[tuple[str, int], list[float]] = {at: [] for at in ASKED}
    records: dict[tuple[str, int], list[float]] = {at: [] for at in ASKED}
    with contextlib.ExitStack() as ends:
        services = {
            "ours": ends.enter_context(_ours(folder, bootstrap, "ours")),
            "alone": ends.enter_context(_ours(folder, bootstrap, "alone", GATHER_SECONDS=0)),
            "crowd": ends.enter_context(_ours(folder, bootstrap, "crowd", THREADS=CROWD)),
            "crowd_alone": ends.enter_context(_ours(folder, bootstrap, "crowd-alone", THREADS=CROWD, GATHER_SECONDS=0)),
            "plain": ends.enter_context(_plain(folder, bootstrap, plain_topic, "1")),
            "untold": ends.enter_context(_plain(folder, bootstrap, plain_topic, "0")),
        }
        log = kafka.KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
        ends.callback(log.close)
        for name, size in ASKED:
            _refuse_other_events(log, name, services[name], topics[name], senders[name, size])
        for turn in range(turns + 1):
            for at in ASKED:
                name = at[0]
                before = _end(log, topics[name])
                spent = load(services[name], PATH, senders[at], seconds)
                if turn:  # The first round warms all up.
                    cost[at].append(spent.cpu_seconds / spent.pings)
                    rate[at].append(spent.pings / spent.wall_seconds)
                    records[at].append((_end(log, topics[name]) - before) / spent.pings)
    over = {
        "batches_of_500": ratios(cost["plain", 500], cost["ours", 500]),
        "sharing": ratios(cost["alone", 1], cost["ours", 1]),
        "crowd_sharing": ratios(cost["crowd_alone", 1], cost["crowd", 1]),
        "untold_of_1": ratios(cost["untold", 1], cost["ours", 1]),
        "untold_of_500": ratios(cost["untold", 500], cost["ours", 500]),
    }
    return {
        "name": "http_pings",
        "what": "HTTP pings accepted per core, one to a request",
        "peer": "a plain Flask handler, unauthenticated",
        "ratios": ratios(cost["plain", 1], cost["ours", 1]),
        "aim": "at least 0.8; 500 to a request at least 5",
        "figures": {
            **{f"{name}_median": statistics.median(found) for name, found in over.items()},
            **{f"{name}_least": min(found) for name, found in over.items()},
            **{f"{name}_most": max(found) for name, found in over.items()},
            **{f"{name}_of_{size}_cpu_us_per_ping": statistics.median(v) * 1e6 for (name, size), v in cost.items()},
            **{f"{name}_of_{size}_pings_per_s": statistics.median(v) for (name, size), v in rate.items()},
            **{f"{name}_of_{size}_records_per_ping": statistics.median(v) for (name, size), v in records.items()},
        },
    }


def _senders(folder: pathlib.Path) -> dict[tuple[str, int], list[Sender]]:
    """By service and size of a batch: drivers with a token of their own each, and gateways that share one of a service."""
    key = folder / "key.pem"
    make_development_key(key, folder / "jwks.json")
    write_cities(folder / "cities.json", [cities.load("sim")])
    service = development_token(key, "bench", "service", life_seconds=3600)
    drivers = [development_token(key, f"d-{n}", "driver", life_seconds=3600) for n in range(CROWD)]
    began = wall_ms() - 3_600_000

    def sender(client: int, size: int) -> Sender:
        headers = {
            "Authorization": f"Bearer {drivers[client] if size == 1 else service}",
            "Content-Type": "application/json",
        }
        bodies = [json.dumps({"pings": _pings(client, size, turn, began)}).encode() for turn in range(10)]
        return Sender(headers, bodies, size)

    few = {size: [sender(client, size) for client in range(CLIENTS)] for size in (1, 500)}
    crowd = [sender(client, 1) for client in range(CROWD)]
    return {at: crowd if at[0].startswith("crowd") else few[at[1]] for at in ASKED}


def _pings(client: int, size: int, turn: int, began: int) -> list[dict[str, object]]:
    return [
        {
            "driver_id": f"d-{client}" if size == 1 else f"d-{client}-{n}",
            "t": format_rfc3339(began + turn * 4_000 + n * 7), "lat": 37.77 + n * 1e-5, "lon": -122.42 + turn * 1e-4,
            "status": "available",
        }
        for n in range(size)
    ]  # fmt: skip


@contextlib.contextmanager
def _ours(folder: pathlib.Path, bootstrap: str, name: str, **more: object) -> Iterator[Service]:
    port, admin = free_port(), free_port()
    told = {
        "STATE": folder, "CITIES_FILE": folder / "cities.json", "JWKS": folder / "jwks.json", "KAFKA_BOOTSTRAP": bootstrap,
        "PORT": port, "ADMIN_PORT": admin, "THREADS": CLIENTS, "RATE_PER_SECOND": 100_000, "RATE_BURST": 100_000,
        # Ticks stand in the same log, and records are counted.
        "TICK_SECONDS": 30, "APPEND_SECONDS": 30, "DEADLINE_SECONDS": 30, "REQUEST_SECONDS": 60,
    } | more  # fmt: skip
    variables = {f"WAYFARE_{key}": str(value) for key, value in told.items()}
    command = [sys.executable, "-m", "services.events_api.main"]
    with running(command, variables, port, f"http://127.0.0.1:{admin}/readyz", folder / f"{name}.log") as service:
        yield service


@contextlib.contextmanager
def _plain(folder: pathlib.Path, bootstrap: str, into: str, waits: str) -> Iterator[Service]:
    port = free_port()
    variables = {"PLAIN_BOOTSTRAP": bootstrap, "PLAIN_TOPIC": into, "PLAIN_WAITS": waits}
    serve = ["-m", "gunicorn", "--no-control-socket", "--workers=1", f"--threads={CLIENTS}", "--keep-alive=60"]
    command = [sys.executable, *serve, f"--bind=127.0.0.1:{port}", "bench.plain_events:app"]
    with running(
        command, variables, port, f"http://127.0.0.1:{port}/healthz", folder / f"plain-{waits}.log"
    ) as service:
        yield service


def _refuse_other_events(log: Any, name: str, service: Service, into: str, senders: list[Sender]) -> None:
    """AssertionError unless the service puts into the log what it was sent, once each."""
    sent: Found = Counter(
        (p["driver_id"], p["t"], p["lat"], p["lon"], p["status"])
        for sender in senders
        for body in sender.bodies
        for p in json.loads(body)["pings"]
    )
    before = _ends(log, into)
    load(service, PATH, senders, 0.0, rounds=1)
    found = _events(log, before, sent.total())
    if found != sent:
        raise AssertionError(
            f"{name} must record what it was sent, {sent.total()} pings, got {found.total()}, {(found - sent).total()} others"
        )


def _ends(log: Any, name: str) -> dict[Any, int]:
    log.partitions_for_topic(name)
    partitions = [kafka.TopicPartition(name, n) for n in range(topic(TOPIC).partitions)]
    return dict(log.end_offsets(partitions))


def _end(log: Any, name: str) -> int:
    return sum(_ends(log, name).values())


def _events(log: Any, before: dict[Any, int], count: int) -> Found:
    """The pings in the log from some offsets on, ticks left out; those of a peer that has not waited may still come."""
    log.assign(list(before))
    for partition, offset in before.items():
        log.seek(partition, offset)
    found: Found = Counter()
    empty = 0
    while found.total() < count and empty < 20:
        polled = log.poll(timeout_ms=500)
        empty = 0 if polled else empty + 1
        for record in (record for records in polled.values() for record in records):
            if record.topic != TOPIC:
                raw = json.loads(record.value)
                found[raw["driver_id"], raw["t"], raw["lat"], raw["lon"], raw["status"]] += 1
            elif not header(record.headers, KIND_HEADER):
                found.update(_of_ours(record))
    return found


def _of_ours(record: Any) -> list[tuple[str, str, float, float, str]]:
    if header(record.headers, "content-type") == ARROW:
        events = [
            event for event, _city, _at in arrow_events.events_of(TOPIC, arrow_events.unpack(TOPIC, record.value))
        ]
    else:
        events = [json_events.recorded(TOPIC, record.value).event]
    return [(e.driver_id, format_rfc3339(e.t_ms), e.lat, e.lon, e.status) for e in events]


if __name__ == "__main__":
    print(json.dumps(run("--quick" in sys.argv), indent=1))
