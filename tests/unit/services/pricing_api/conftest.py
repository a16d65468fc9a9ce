"""A whole pricing_api in one process: the real application over in-memory twins that can be told to fail."""

from __future__ import annotations

import dataclasses
import datetime as dt
import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from services.pricing_api.copies import Copies
from services.pricing_api.main import Parts, application, pricer_of
from services.pricing_api.settings import PricingSettings
from wayfare.adapters.ed25519_signing import generate_key
from wayfare.adapters.jwt_quotes import JwtQuotes
from wayfare.adapters.memory_caps import MemoryCaps
from wayfare.adapters.memory_features import MemoryFeatures
from wayfare.adapters.memory_idempotency import MemoryIdempotency
from wayfare.adapters.memory_ledger import MemoryLedger
from wayfare.adapters.memory_log import MemoryRecordLog
from wayfare.adapters.memory_predictor import MemoryPredictor
from wayfare.adapters.memory_surge_map import MemoryLive, MemorySurgeMap, SharedMemory
from wayfare.adapters.memory_window import MemoryWindow
from wayfare.domain.callers import Caller
from wayfare.domain.city import SOURCES, City, Place, Registry, Tariff
from wayfare.domain.errors import Forged
from wayfare.domain.features.inputs import RiderHistory, Weather
from wayfare.domain.features.sets import SURGE
from wayfare.domain.features.stores import CellFeatures
from wayfare.domain.geo import quadtree
from wayfare.domain.geo.cells import cell_of_point
from wayfare.domain.geo.travel import TravelTable
from wayfare.domain.models.priors import Priors
from wayfare.domain.models.surge_bundle import SurgeBundle
from wayfare.domain.pricing.live import LoadedModel, Observed
from wayfare.domain.streams.panes import GAUGE_TOPIC, LEVELS, PANE_MS, PaneRegister

DOWNTOWN = Place(37.7897, -122.4011)
MISSION = Place(37.7599, -122.4148)
AWAY = Place(40.7, -74.0)
BOUNDARY = (Place(37.70, -122.52), Place(37.83, -122.52), Place(37.83, -122.35), Place(37.70, -122.35))
SIM = City(
    id="sim",
    name="Test city",
    boundary=BOUNDARY,
    center=Place(37.7749, -122.4194),
    time_zone="America/Los_Angeles",
    currency="USD",
    country="US",
    tariff=Tariff(350, 175, 55, 700),
    ride_types=("standard", "large"),
    sources=SOURCES,
)
VERSION = 20261121001
HOUR_PRIOR = 1.25
CELL_PRIOR = 1.75
AT_LEAST = (1.0, 0.91, 0.62, 0.31, 0.12, 0.05, 0.01)


class Riders:
    """A rider store that can be told to fail or to hang for as long as it may."""

    def __init__(self) -> None:
        self.inner = MemoryFeatures()
        self.fault: Exception | None = None
        self.hangs = False
        self.asked = 0

    def read(self, city: str, rider_id: str, timeout_s: float) -> RiderHistory | None:
        self.asked += 1
        if self.hangs:
            time.sleep(timeout_s)
        if self.fault is not None:
            raise self.fault
        return self.inner.read(city, rider_id, timeout_s)


class Tokens:
    """Takes `role subject` or `role subject city` with dots between for a token."""

    def verify(self, token: str) -> Caller:
        parts = token.split(".")
        if len(parts) not in (2, 3) or parts[0] not in ("rider", "driver", "service", "operator"):
            raise Forged(f"not a token of these tests, got {token!r}")
        return Caller(parts[1], parts[0], parts[2] if len(parts) == 3 else None)


class World:
    """Everything that one pricing_api is made of. `now` is wall time in ms; the city's clock is wall time."""

    def __init__(self, folder: pathlib.Path, city: City = SIM, **settings: Any) -> None:
        self.now = 1_795_250_000_000
        self.cities = [city]
        self.settings = PricingSettings(
            **{
                "state": folder,
                "cities_file": folder / "cities.json",
                "kafka_bootstrap": "none",
                "redis_url": "none",
                "cassandra_hosts": "none",
                "jwks": "none",
                "model_server": "none",
                "artifact_store": "none",
                "trusted_keys_dir": folder,
                "quote_keys_dir": folder / "quotes",
                "pseudonym_key_file": folder / "pseudonym.key",
                **settings,
            }
        )
        generate_key(folder / "quotes" / "q1.pem")
        self.redis, self.cassandra = Riders(), Riders()
        for store in (self.redis, self.cassandra):
            store.inner.write(city.id, dt.date(2026, 11, 20), 28, {"r-1": RiderHistory(7, 28, {1.0: 7}, {})})
        self.predictor = MemoryPredictor({(f"surge-{city.id}", VERSION): self.network})
        self.at_least: tuple[float, ...] = AT_LEAST
        self.log, self.ledger, self.caps = MemoryRecordLog(), MemoryLedger(), MemoryCaps()
        self.window = MemoryWindow()
        self.shared = SharedMemory(lambda: self.now / 1000)
        self.copies = self.replica("one")
        self.bundle = bundle(city)
        self.copies.of(city).model = LoadedModel(
            f"surge-{city.id}", VERSION, "stable", self.bundle, tuple(self.bundle.feature_names)
        )
        self.shared.weather[city.id] = (
            Observed(cell_of_point(*DOWNTOWN), self.now - 60_000, Weather(12.0, 0.0, 0.7, 3.0)),
        )
        for store in (self.redis, self.cassandra):
            cells = {cell_of_point(*DOWNTOWN): CellFeatures("office", MISSION, 40)}
            store.inner.write_cells(city.id, dt.date(2026, 11, 20), cells)
        self.see(cabs=12, waiting=5)
        self.copies.read_truths()
        self.app = self.application(self.copies)

    def network(self, rows: np.ndarray) -> np.ndarray:
        return np.tile(np.asarray(self.at_least, np.float32), (len(rows), 1))

    def replica(self, name: str) -> Copies:
        """The copies of one process."""
        return Copies(
            registry=lambda: Registry(self.cities),
            windows=self.window,
            live=MemoryLive(self.shared),
            maps=MemorySurgeMap(self.shared, name),
            caps=self.caps,
            cells=(self.redis.inner, self.cassandra.inner),
            pricer=pricer_of(self.settings, self.predictor),
            settings=self.settings,
            wall_ms=lambda: self.now,
        )

    def application(self, copies: Copies) -> Any:
        """The Flask application of one process."""
        parts = Parts(
            registry=lambda: Registry(self.cities),
            riders={"redis": self.redis, "cassandra": self.cassandra},
            lock=JwtQuotes(self.settings.quote_keys_dir, self.settings.quote_life_seconds),
            log=self.log,
            ledger=self.ledger,
            caps=self.caps,
            verifier=Tokens(),
            idempotency=MemoryIdempotency(),
            key=b"k" * 32,
        )
        return application(self.settings, parts, copies, lambda: self.now)

    def see(self, cabs: int, waiting: int, at: Place = DOWNTOWN) -> None:
        """Put a window into the store that is known up to `now`, and copy it."""
        levels = {"cabs_available": cabs, "requests_waiting": waiting, "cabs_dropping_off": 0}
        cell = np.array([cell_of_point(*at)], np.int64)
        registers = [
            PaneRegister(
                city=self.cities[0].id,
                gauge=gauge,
                topic=GAUGE_TOPIC[gauge],
                partition=partition,
                pane=self.now // PANE_MS,
                covers_offset=self.now,
                log_time_ms=self.now,
                closed=False,
                total=levels[gauge] if partition == 0 else 0,
                cells=cell if partition == 0 and levels[gauge] else cell[:0],
                counts=np.array([levels[gauge]] if partition == 0 and levels[gauge] else [], np.uint32),
            )
            for gauge in LEVELS
            for partition in range(4)
        ]
        self.window.put(registers)
        self.copies.refresh()

    def post(self, path: str, body: Any, token: str = "rider.r-1", **headers: str) -> Any:
        return self.app.test_client().post(path, json=body, headers=_headers(token, headers))

    def get(self, path: str, token: str = "rider.r-1", **headers: str) -> Any:
        return self.app.test_client().get(path, headers=_headers(token, headers))

    def put(self, path: str, body: Any, token: str = "operator.ops-1") -> Any:
        return self.app.test_client().put(path, json=body, headers=_headers(token, {}))

    def quote(self, token: str = "rider.r-1", **body: Any) -> Any:
        """The JSON of a quote that must succeed."""
        answer = self.post("/v1/quotes", {**TRIP, **body}, token)
        assert answer.status_code == 201, answer.get_data(as_text=True)
        return answer.get_json()


TRIP = {"pickup": DOWNTOWN._asdict(), "dropoff": MISSION._asdict()}


def _headers(token: str, more: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in more.items()}}


def bundle(city: City) -> SurgeBundle:
    """Real features over a small tree and a table that knows a detour, a pace and a wait."""
    from wayfare.domain.geo.cells import quadkey

    tree = quadtree.build([DOWNTOWN.lat, MISSION.lat], [DOWNTOWN.lon, MISSION.lon])
    cells = {f"{quadkey(cell_of_point(*DOWNTOWN))}:{hour}": CELL_PRIOR for hour in range(24)}
    return SurgeBundle(
        city=city.id,
        features=SURGE,
        features_hash="0123456789abcdef",
        tree=tree,
        tree_version=tree.version(),
        travel=TravelTable({24: 1.3}, {24: 0.2}, {24: 180.0}),
        priors=Priors(cells, {}, HOUR_PRIOR),
    )


@pytest.fixture
def world(tmp_path: pathlib.Path) -> World:
    return World(tmp_path)


@pytest.fixture
def make_world(tmp_path: pathlib.Path) -> Callable[..., World]:
    def make(sources: frozenset[str] = SOURCES, **settings: Any) -> World:
        return World(tmp_path, dataclasses.replace(SIM, sources=sources), **settings)

    return make
