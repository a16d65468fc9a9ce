"""drift_monitor as processes over the real Kafka: killed and shared out anew, its registers are those of the log; drift is told."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from local.stack import Addresses
from wayfare.adapters.ed25519_signing import generate_key, trust
from wayfare.adapters.file_registry import write_cities
from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.adapters.json_predictions import matrix, outcomes_matrix, served_of
from wayfare.adapters.jwt_development import development_token, make_development_key
from wayfare.adapters.kafka_client import Producer
from wayfare.adapters.kafka_consumer import read_partitions
from wayfare.adapters.kafka_records import KafkaRecordLog
from wayfare.adapters.kafka_registers import TOPIC, Held
from wayfare.domain.city import City, CityClock, Place, Tariff
from wayfare.domain.drift.columns import outcome_columns, read_reference
from wayfare.domain.drift.register import BUCKET_MS, Key, Register
from wayfare.domain.models.reference import drift_reference
from wayfare.domain.pricing.records import booking_record, prediction_record

pytestmark = pytest.mark.timeout(600)
ROOT = pathlib.Path(__file__).parents[2]
SECONDS = 180.0
SPEED = 60.0
NAMES = ("est_distance_m", "pickup_leaf")
DAY = dt.date(2026, 11, 21)
VERSION = 20261121001


def until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, f"after {SECONDS:g} s still not: {what}"
        time.sleep(0.2)


@dataclass
class World:
    """A city of the test's own with a clock of 60 seconds a second, an artifact, keys, and members of a group."""

    tmp: pathlib.Path
    servers: Addresses
    city: City
    reference: bytes

    def __post_init__(self) -> None:
        self.options = {"bootstrap_servers": [self.servers.kafka_bootstrap]}
        self.log = KafkaRecordLog(self.options, 20.0)
        self.model, self.members = f"surge-{self.city.id}", []
        self.variables = {
            "WAYFARE_STATE": str(self.tmp),
            "WAYFARE_KAFKA_BOOTSTRAP": self.servers.kafka_bootstrap,
            "WAYFARE_CITIES_FILE": str(self.tmp / "cities.json"),
            "WAYFARE_ARTIFACT_STORE": (self.tmp / "artifacts").as_uri(),
            "WAYFARE_TRUSTED_KEYS_DIR": str(self.tmp / "trusted"),
            "WAYFARE_JWKS": str(self.tmp / "jwks.json"),
            "WAYFARE_DRIFT_GROUP": f"drift-{self.city.id}",
            "WAYFARE_GRACE_SECONDS": "3",
            "WAYFARE_REGISTER_SECONDS": "0.5",
            "WAYFARE_JUDGEMENT_SECONDS": "0",
        }

    def start(self, port: int = 0) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("WAYFARE_")} | self.variables
        command = [sys.executable, "-m", "services.drift_monitor.main"]
        with (self.tmp / f"member-{len(self.members)}.log").open("ab") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment | {"WAYFARE_PORT": str(port)}, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self.members.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """The whole process at once, gunicorn's worker with it."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
        self.members.remove(process)

    def quote(self, draw: np.random.Generator, distance: float, leaf: float) -> None:
        quote_id, now = f"q-{uuid.uuid4().hex}", self.city.clock.at(round(time.time() * 1000))
        record = prediction_record(
            quote_id=quote_id, rider=None, city=self.city.id, model=self.model, version=VERSION, arm="stable",
            price_source="model", multiplier=1.0, at_least=[1.0, 0.3, 0.1, 0.0, 0.0, 0.0, 0.0], feature_names=NAMES,
            features=[distance, leaf], price_minor=1000, currency="USD", degraded=(), t_ms=now,
            expires_t_ms=now + 1, expires_at_ms=now + 1,
        )  # fmt: skip
        self.log.offer("predictions", quote_id, record)
        outcome = booking_record(
            quote_id=quote_id, booking_id=None, city=self.city.id, rider=None, price_minor=1000, currency="USD",
            outcome="booked" if draw.random() < 0.7 else "not_booked", t_ms=now, multiplier=1.0,
        )  # fmt: skip
        self.log.offer("bookings", quote_id, outcome)

    def held(self) -> Held:
        found = Held()
        for record in read_partitions(self.options, TOPIC):
            found.take(record.key.decode(), record.value)
        return found

    def rows(self) -> int:
        return sum(r.rows for key, r in self.held().registers.items() if key.city == self.city.id and key.model)


@pytest.fixture
def world(servers: Addresses, tmp_path: pathlib.Path) -> Iterator[World]:
    wall = round(time.time() * 1000)
    city = City(
        f"d{uuid.uuid4().hex[:8]}", "Drift", (Place(0, 0), Place(0, 1), Place(1, 1), Place(1, 0)), Place(0.5, 0.5), "UTC",
        "USD", "US", Tariff(300, 100, 30, 500), clock=CityClock(wall, wall - wall % 86_400_000, SPEED),
    )  # fmt: skip
    write_cities(tmp_path / "cities.json", [city])
    trainer = generate_key(tmp_path / "keys" / "trainer-a.pem")
    trust(trainer, tmp_path / "trusted")
    make_development_key(tmp_path / "private.json", tmp_path / "jwks.json")
    draw = np.random.default_rng(4)
    n = 20_000
    values = np.column_stack([draw.gamma(2.0, 3_000.0, n), draw.integers(0, 20, n).astype(float)])
    told = drift_reference(
        NAMES, [False, True], values, draw.integers(0, 24, n), draw.integers(0, 7, n), draw.integers(0, 56, n)
    )
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    (artifact / "drift_reference.json").write_text(json.dumps(told))
    (tmp_path / "artifacts").mkdir()
    written = ArtifactStore((tmp_path / "artifacts").as_uri()).write(
        f"surge-{city.id}", DAY, artifact, data_snapshot="0" * 64, code_commit="test", parameters={}, metrics={},
        signer=trainer,
    )  # fmt: skip
    assert written == VERSION
    found = World(tmp_path, servers, city, (artifact / "drift_reference.json").read_bytes())
    yield found
    for process in list(found.members):
        with contextlib.suppress(ProcessLookupError):
            found.kill(process)
    found.log.close(5.0)


def of_the_log(world: World) -> dict[Key, Register]:
    """Registers by counting the whole log at once."""
    reference, found = read_reference(world.reference), {}
    for record in read_partitions(world.options, "predictions"):
        if world.city.id.encode() not in record.value:
            continue
        row = served_of(record.offset, record.value)
        key = Key("predictions", record.partition, row.city, row.model, row.version, row.t_ms // BUCKET_MS)
        register = found.setdefault(key, Register(key, reference.served, reference.fingerprint))
        register.fold(reference.served, matrix([row], reference), 0, record.offset)
    return found


def test_killed_and_shared_out_anew_the_registers_are_those_of_the_log(world: World) -> None:
    draw, first, second = np.random.default_rng(1), world.start(), world.start()
    sent = 0
    for round_ in range(6):
        for _ in range(200):
            world.quote(draw, float(draw.gamma(2.0, 3_000.0)), float(draw.integers(0, 20)))
            sent += 1
        time.sleep(1.0)
        if round_ in (1, 3):
            until(lambda: world.rows() > 0, "rows are counted")
            world.kill(first)
            first = world.start()
        if round_ == 4:
            world.kill(second)
    until(lambda: world.log.queued == 0, "all is in the log")
    until(lambda: world.rows() >= sent, f"all {sent} rows are counted, got {world.rows()}")
    counted = {k: r for k, r in world.held().registers.items() if k.city == world.city.id and k.model}
    told = of_the_log(world)
    assert counted.keys() == told.keys()
    for key, register in told.items():
        counted[key].covers = register.covers
        assert counted[key].to_bytes() == register.to_bytes()
    assert sum(register.rows for register in counted.values()) == sent
    outcomes = [r for k, r in world.held().registers.items() if k.city == world.city.id and not k.model]
    until(lambda: sum(r.rows for r in outcomes) <= sent, "outcomes are counted once")
    assert len(outcomes[0].known) == len(outcome_columns())
    assert outcomes_matrix([], outcome_columns()).shape[0] == 0


def test_a_shift_becomes_a_state_an_event_and_a_page(world: World) -> None:
    port = 20_000 + int(uuid.uuid4().hex[:3], 16)
    world.start(port)
    draw, token = (
        np.random.default_rng(2),
        development_token(world.tmp / "private.json", role="operator", subject="o-1"),
    )
    kilometres = False

    def get(path: str, bearer: str | None = token) -> tuple[int, bytes, dict[str, str]]:
        asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
        if bearer:
            asked.add_header("Authorization", f"Bearer {bearer}")
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return answer.status, answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            return error.code, error.read(), dict(error.headers)
        except OSError:
            return 0, b"", {}

    def checks() -> dict[str, dict[str, object]]:
        for _ in range(30):
            world.quote(
                draw, float(draw.gamma(2.0, 3_000.0)) / (1000 if kilometres else 1), float(draw.integers(0, 20))
            )
        status, body, _headers = get(f"/v1/drift/{world.model}")
        return json.loads(body)["models"][0]["checks"] if status == 200 else {}

    until(lambda: checks().get("moments", {}).get("state") == "unknown", "unknown is told before anything was judged")
    until(lambda: checks()["moments"]["state"] == "ok", "enough rows make it ok")
    assert checks()["predictions"]["state"] == "unknown"
    assert "nothing to compare" in str(checks()["predictions"]["reason"])
    kilometres = True
    until(lambda: checks()["moments"]["state"] == "drifted", "kilometres for metres are drift")
    found = checks()["moments"]
    assert {alarm["feature"] for alarm in found["alarms"]} == {"est_distance_m"}
    status, page, headers = get(f"/v1/drift/{world.model}/report")
    assert status == 200
    assert b"est_distance_m" in page
    assert b"<script" not in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert get("/v1/drift", None)[0] == 401
    rider = development_token(world.tmp / "private.json", role="rider", subject="r-1")
    assert get("/v1/drift", rider)[0] == 403
    assert get("/v1/drift/surge-nowhere")[0] == 404
    events = [
        json.loads(r.value) for r in read_partitions(world.options, "drift-events") if world.model.encode() in r.value
    ]
    told = [event for event in events if event["check"] == "moments"]
    assert [event["to"] for event in told][-1] == "drifted"
    assert told[-1]["features"] == ["est_distance_m"]
    assert len({event["event_id"] for event in events}) == len(events)


def test_a_record_that_cannot_be_read_is_put_aside_and_stops_nothing(world: World) -> None:
    world.start()
    producer = Producer(world.options, 20.0)
    producer.wait([producer.send("predictions", f"not json {world.city.id}".encode(), b"q-1", [], 0)])
    producer.close()
    draw = np.random.default_rng(3)
    for _ in range(40):
        world.quote(draw, 5_000.0, 1.0)
    until(lambda: world.rows() == 40, "the rows behind it are counted")
    dead = [r for r in read_partitions(world.options, "predictions.dead-letter") if world.city.id.encode() in r.value]
    assert len(dead) >= 1
