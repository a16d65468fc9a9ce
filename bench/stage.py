"""A pricing_api as its riders see it, over given servers: model server, publisher and front end as processes of their own,
for a city that nobody else has, with a live window that is kept fresh from here. Used by benchmarks and by tests."""

from __future__ import annotations

import datetime as dt
import json
import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import replace
from typing import Protocol

import numpy as np

from local import cities
from wayfare.adapters import redis_client
from wayfare.adapters.ed25519_signing import generate_key, trust
from wayfare.adapters.file_registry import write_cities
from wayfare.adapters.grpc_predictor import GrpcPredictor
from wayfare.adapters.jwt_development import development_token, make_development_key
from wayfare.adapters.redis_features import RedisFeatures
from wayfare.adapters.redis_window import RedisWindow
from wayfare.domain.callers import Role
from wayfare.domain.city import SOURCES, Place, city_to_json
from wayfare.domain.features.inputs import RiderHistory
from wayfare.domain.features.stores import CellFeatures
from wayfare.domain.geo.cells import cell_of_point, cells_of, quadkey
from wayfare.domain.streams.panes import GAUGE_TOPIC, LEVELS, PANE_MS, PaneRegister
from wayfare.inventory import topic
from wayfare.runtime.clock import wall_ms

ROOT = pathlib.Path(__file__).parents[1]
"""Processes run here."""
SERVICES = ("model_server", "publisher", "pricing_api")
CABS = 300

DOWNTOWN = Place(37.7897, -122.4011)
MISSION = Place(37.7599, -122.4148)


class Servers(Protocol):
    """Addresses of running servers."""

    kafka_bootstrap: str
    redis_url: str
    cassandra_hosts: str


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Stage:
    """Use as a context: on entering everything is started, and the first quote is priced by the model."""

    def __init__(self, folder: pathlib.Path, servers: Servers, **variables: str) -> None:
        self.folder, self.servers = folder, servers
        self.city = replace(cities.load("sim"), id=f"c{secrets.token_hex(5)}", sources=SOURCES)
        self.model = f"surge-{self.city.id}"
        write_cities(folder / "cities.json", [self.city])
        (folder / "city.json").write_text(json.dumps(city_to_json(self.city)))
        trainer = generate_key(folder / "keys" / "trainer-stage.pem")
        publisher = generate_key(folder / "keys" / "publisher-stage.pem")
        for signer in (trainer, publisher):
            trust(signer, folder / "trusted")
        generate_key(folder / "quotes" / "quote-stage.pem")
        (folder / "pseudonym.key").write_text(secrets.token_hex(32))
        self._bearer = folder / "keys" / "jwt-stage.pem"
        make_development_key(self._bearer, folder / "jwks.json")
        self.store_url = (folder / "artifacts").as_uri()
        self.grpc_port, self.http_port = free_port(), free_port()
        self.admin_ports = {name: free_port() for name in SERVICES}
        self.variables = {
            "WAYFARE_STATE": str(folder),
            "WAYFARE_CITIES_FILE": str(folder / "cities.json"),
            "WAYFARE_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
            "WAYFARE_REDIS_URL": servers.redis_url,
            "WAYFARE_CASSANDRA_HOSTS": servers.cassandra_hosts,
            "WAYFARE_MODEL_SERVER": f"127.0.0.1:{self.grpc_port}",
            "WAYFARE_GRPC_PORT": str(self.grpc_port),
            "WAYFARE_PORT": str(self.http_port),
            "WAYFARE_MODELS_DIR": str(folder / "models"),
            "WAYFARE_ARTIFACT_STORE": self.store_url,
            "WAYFARE_TRUSTED_KEYS_DIR": str(folder / "trusted"),
            "WAYFARE_PUBLISHER_KEY_FILE": str(folder / "keys" / "publisher-stage.pem"),
            "WAYFARE_QUOTE_KEYS_DIR": str(folder / "quotes"),
            "WAYFARE_PSEUDONYM_KEY_FILE": str(folder / "pseudonym.key"),
            "WAYFARE_JWKS": str(folder / "jwks.json"),
            **variables,
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.predictor = GrpcPredictor(f"127.0.0.1:{self.grpc_port}")
        self.redis = redis_client.connect(servers.redis_url, 5.0)
        self.feeding = threading.Event()
        self._ended = threading.Event()
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._offset = wall_ms()

    def __enter__(self) -> Stage:
        try:
            self._enter()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _enter(self) -> None:
        untrained = [str(self.folder / "city.json"), self.store_url, str(self.folder / "keys" / "trainer-stage.pem")]
        subprocess.run([sys.executable, "-m", "bench.untrained", *untrained], cwd=ROOT, check=True, capture_output=True)
        self.write_features()
        self.feeding.set()
        self._feeder.start()
        for name in SERVICES:
            self.start(name)
        for name in SERVICES:
            self.wait_ready(name)

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        for name in reversed(list(self.processes)):
            self.end(name)
        if self._feeder.is_alive():
            self._feeder.join(5.0)
        self.predictor.close()
        self.redis.close()

    def start(self, name: str) -> None:
        """Start a service as a process; its output is `<folder>/<name>.log`."""
        own = {"WAYFARE_ADMIN_PORT": str(self.admin_ports[name])}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", f"services.{name}.main"],
                cwd=ROOT,
                env={**os.environ, **self.variables, **own},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def end(self, name: str, number: int = signal.SIGTERM) -> int:
        """End a service and wait for it; its exit status."""
        process = self.processes[name]
        if process.poll() is None:
            process.send_signal(number)
        status = process.wait(30)
        # A worker whose parent was killed leaves by itself a moment later, and holds the ports until then.
        ends = time.monotonic() + 30.0
        while time.monotonic() < ends:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.admin_ports[name])):
                    break
            time.sleep(0.1)
        return status

    def wait_ready(self, name: str, seconds: float = 240.0) -> None:
        """Wait until the service says that it is ready; RuntimeError with its reasons when it does not."""
        ends = time.monotonic() + seconds
        reason = "no answer"
        while time.monotonic() < ends:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_ports[name]}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError as error:
                with_body = getattr(error, "read", None)
                reason = with_body().decode() if with_body else str(error)
            time.sleep(0.1)
        raise RuntimeError(f"{name} is not ready: {reason}, got {(self.folder / f'{name}.log').read_text()[-3000:]}")

    def token(self, role: Role = "rider", subject: str = "r-1", city: str | None = None) -> str:
        """A Bearer token for an hour."""
        return development_token(self._bearer, subject, role, city=city, life_seconds=3600)

    def write_features(self) -> None:
        """The daily batch's part: one known rider, a few cells."""
        store = RedisFeatures(self.redis)
        today = dt.datetime.now(dt.UTC).date()
        store.write(self.city.id, today, 28, {"r-1": RiderHistory(7, 28, {1.0: 7}, {})})
        store.write_cells(self.city.id, today, {cell_of_point(*DOWNTOWN): CellFeatures("office", MISSION, 40)})

    def _feed(self) -> None:
        """What ingest does, twice a second while `feeding` is set: weather, and a window of cabs that move."""
        window = RedisWindow(self.redis)
        draw = np.random.default_rng(3)
        partitions = topic(GAUGE_TOPIC["cabs_available"]).partitions
        while not self._ended.is_set():
            if self.feeding.is_set():
                now = wall_ms()
                weather = {"t_ms": now, "temperature_c": 12.0, "rain_mm": 0.0, "humidity": 0.7, "wind_ms": 3.0}
                window.put_weather(self.city.id, {quadkey(cell_of_point(*DOWNTOWN)): weather})
                window.put([self._register(gauge, p, now, draw) for gauge in LEVELS for p in range(partitions)])
            self._ended.wait(0.5)

    def _register(self, gauge: str, partition: int, now: int, draw: np.random.Generator) -> PaneRegister:
        self._offset += 1
        lat, lon = (draw.normal(at, 0.02, CABS // 4) for at in (37.77, -122.42))
        cells, counts = np.unique(cells_of(lat, lon), return_counts=True)
        return PaneRegister(
            city=self.city.id,
            gauge=gauge,
            topic=GAUGE_TOPIC[gauge],
            partition=partition,
            pane=now // PANE_MS,
            covers_offset=self._offset,
            log_time_ms=now,
            closed=False,
            total=int(counts.sum()),
            cells=cells,
            counts=counts.astype(np.uint32),
        )
