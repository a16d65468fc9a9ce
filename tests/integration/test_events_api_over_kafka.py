"""events_api as a process over the real Kafka: what is answered with 202 is in the log."""

import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import time

import httpx
import kafka
import pytest

from wayfare.adapters.file_registry import write_cities
from wayfare.adapters.jwt_development import development_token, make_development_key
from wayfare.domain.city import CityClock, city_from_json
from wayfare.domain.times import format_rfc3339, parse_rfc3339

ROOT = pathlib.Path(__file__).parents[2]
CITY = "sf"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    def __init__(self, folder, bootstrap, **more):
        make_development_key(folder / "key.pem", folder / "jwks.json")
        raw = json.loads((ROOT / "local" / "cities" / f"{CITY}.json").read_text()) | {"clock": None}
        write_cities(folder / "cities.json", [city_from_json(raw)])
        self.folder, self.port, self.admin_port = folder, free_port(), free_port()
        variables = {
            "STATE": str(folder), "CITIES_FILE": str(folder / "cities.json"), "JWKS": str(folder / "jwks.json"),
            "KAFKA_BOOTSTRAP": bootstrap, "PORT": str(self.port), "ADMIN_PORT": str(self.admin_port),
            "TICK_SECONDS": "0.2",
        } | more  # fmt: skip
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.events_api.main"],
            env=os.environ | {f"WAYFARE_{name}": value for name, value in variables.items()},
            cwd=ROOT,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=20)

    def token(self, role="service", subject="s-1"):
        return {"Authorization": f"Bearer {development_token(self.folder / 'key.pem', subject, role)}"}

    def post(self, path, body, **caller):
        return self.client.post(path, json=body, headers=self.token(**caller))

    def readiness(self):
        try:
            return httpx.get(f"http://127.0.0.1:{self.admin_port}/readyz", timeout=2).json()
        except httpx.HTTPError:
            return None

    def until(self, status, seconds=90):
        ends = time.monotonic() + seconds
        while (found := self.readiness()) is None or found["status"] != status:
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < ends, (found, self.output())
            time.sleep(0.05)
        return found

    def output(self):
        self.log.seek(0)
        return self.log.read()[-5000:]

    def stop(self):
        self.client.close()
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(30)
        self.log.close()
        return code


@pytest.fixture(scope="module")
def service(servers, tmp_path_factory):
    running = Service(tmp_path_factory.mktemp("events_api"), servers.kafka_bootstrap)
    try:
        running.until("ok")
        yield running
        assert running.stop() == 0
    finally:
        running.stop()


def now():
    return format_rfc3339(time.time_ns() // 1_000_000)


def records_after(servers, topic, began_ms, wanted, seconds=10):
    """Values of `topic` from a wall time on that hold the bytes `wanted`."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=servers.kafka_bootstrap, enable_auto_commit=False)
    try:
        partitions = [kafka.TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        for partition, found in consumer.offsets_for_times(dict.fromkeys(partitions, began_ms)).items():
            consumer.seek(partition, found.offset) if found else consumer.seek_to_end(partition)
        values = []
        ends = time.monotonic() + seconds
        while not any(wanted in value for value in values) and time.monotonic() < ends:
            for batch in consumer.poll(timeout_ms=500).values():
                values += [record.value for record in batch]
        return [value for value in values if wanted in value]
    finally:
        consumer.close()


def test_an_acknowledged_ping_is_in_the_log_with_its_city(service, servers):
    driver, began = f"d-{secrets.token_hex(6)}", time.time_ns() // 1_000_000 - 1000
    ping = {"driver_id": driver, "t": now(), "lat": 37.7749, "lon": -122.4194, "status": "available"}
    answer = service.post("/v1/driver-pings", {"pings": [ping]}, role="driver", subject=driver)
    assert answer.status_code == 202
    assert abs(parse_rfc3339(answer.json()["received_at"]) - time.time() * 1000) < 10_000
    [value] = records_after(servers, "driver-pings", began, driver.encode())
    record = json.loads(value)
    assert record == ping | {"schema": 1, "city": CITY, "received_at": answer.json()["received_at"]}


def test_a_thousand_pings_are_one_answer(service):
    pings = [
        {"driver_id": f"d-{i}", "t": now(), "lat": 37.76, "lon": -122.42, "status": "offline"} for i in range(1000)
    ]
    assert service.post("/v1/driver-pings", {"pings": pings}).json()["accepted"] == 1000


def test_ticks_arrive_in_every_partition_with_the_citys_clock(service, servers):
    began = time.time_ns() // 1_000_000 - 500
    ticks = records_after(servers, "ride-requests", began, b'"tick"')
    clock = json.loads(ticks[-1])["tick"][CITY]
    assert abs(parse_rfc3339(clock) - time.time() * 1000) < 30_000


def test_a_city_whose_clock_moves_is_followed_without_a_restart(service):
    path = service.folder / "cities.json"
    city = city_from_json(json.loads(path.read_text())["cities"][0])
    wall = time.time_ns() // 1_000_000
    ping = {
        "driver_id": "d-1",
        "t": format_rfc3339(wall + 3_600_000),
        "lat": 37.77,
        "lon": -122.42,
        "status": "offline",
    }

    def until(status):
        ends = time.monotonic() + 5
        while (found := service.post("/v1/driver-pings", {"pings": [ping]}).status_code) != status:
            assert time.monotonic() < ends, found
            time.sleep(0.05)

    until(422)
    ahead = CityClock(wall_anchor_ms=wall, city_anchor_ms=wall + 3_600_000)
    write_cities(path, [type(city)(**{name: getattr(city, name) for name in city.__slots__} | {"clock": ahead})])
    try:
        until(202)
    finally:
        write_cities(path, [city])
    until(422)


def test_without_kafka_it_starts_says_so_and_answers_503_in_time(tmp_path):
    service = Service(tmp_path, f"127.0.0.1:{free_port()}", APPEND_SECONDS="0.5")
    try:
        while "start" in (found := service.until("not ready"))["reasons"]:
            time.sleep(0.05)
        assert "log" in found["reasons"]
        ping = {"driver_id": "d-1", "t": now(), "lat": 37.77, "lon": -122.42, "status": "offline"}
        began = time.monotonic()
        answer = service.post("/v1/driver-pings", {"pings": [ping]})
        assert time.monotonic() - began < 3
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.headers["Content-Type"] == "application/problem+json"
    finally:
        service.stop()
