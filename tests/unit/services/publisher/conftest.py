"""A publisher with the store in memory and model servers that read the folder."""

from __future__ import annotations

import datetime as dt
import json
import pathlib

import numpy as np
import pytest

from services.publisher.placing import Shelf
from services.publisher.steps import Publisher
from wayfare.adapters.ed25519_signing import generate_key, trust, trusted_keys
from wayfare.adapters.memory_artifacts import MemoryArtifacts
from wayfare.domain.errors import ModelUnavailable
from wayfare.domain.models.predictor import checked_answer

MODEL = "surge-sf"
DAY = dt.date(2026, 11, 21)
MINUTE = 60_000


class FolderServer:
    """Serves what is placed: the file saved_model.pb holds the probability that every row is answered with."""

    def __init__(self, models: pathlib.Path) -> None:
        self.models = models
        self.down = False
        self.state = "AVAILABLE"
        self.calls: list[int] = []

    def states(self, model, timeout_s):
        if self.down:
            raise ModelUnavailable("down on purpose")
        folder = self.models / model
        return {int(path.name): self.state for path in folder.iterdir()} if folder.exists() else {}

    def predict(self, model, version, rows, timeout_s):
        if self.down:
            raise ModelUnavailable("down on purpose")
        self.calls.append(len(rows))
        level = float((self.models / model / str(version) / "saved_model.pb").read_text())
        return checked_answer(np.full((len(rows), 7), level, np.float32), len(rows))


class World:
    def __init__(self, tmp_path: pathlib.Path) -> None:
        self.tmp = tmp_path
        self.trainer = generate_key(tmp_path / "keys" / "trainer-a.pem")
        self.signer = generate_key(tmp_path / "keys" / "publisher-a.pem")
        trust(self.trainer, tmp_path / "trusted")
        trust(self.signer, tmp_path / "trusted")
        self.trusted = trusted_keys(tmp_path / "trusted")
        self.store = MemoryArtifacts()
        self.models = tmp_path / "models"
        self.servers = [FolderServer(self.models)]
        self.here: FolderServer | None = None
        self.now = 0
        self.publisher = self.new_publisher()

    def new_publisher(self) -> Publisher:
        self.shelf = Shelf(self.models)
        return Publisher(
            self.store,
            self.shelf,
            lambda: self.servers,
            self.here,
            self.trusted,
            self.signer,
            keep_ms=10 * MINUTE,
            load_ms=MINUTE,
            predict_s=1.0,
            tolerance=1e-4,
        )

    def add_server(self) -> FolderServer:
        self.servers.append(FolderServer(self.models))
        return self.servers[-1]

    def restart(self) -> None:
        """As after kill -9: nothing in memory, only what is on disk and in the store."""
        self.shelf.release()
        self.publisher = self.new_publisher()

    def write(self, level: float = 0.5, golden: float | None = None, rows: int = 2) -> int:
        folder = self.tmp / f"made-{level}-{golden}-{rows}"
        (folder / "saved_model" / "variables").mkdir(parents=True, exist_ok=True)
        (folder / "saved_model" / "saved_model.pb").write_text(str(level))
        (folder / "saved_model" / "variables" / "variables.index").write_text("index")
        answer = level if golden is None else golden
        (folder / "golden.json").write_text(json.dumps([{"features": [1.0, None], "at_least": [answer] * 7}] * rows))
        return self.store.write(
            MODEL, DAY, folder, data_snapshot="d", code_commit="c", parameters={}, metrics={}, signer=self.trainer
        )

    def release(self, version: int, label: str = "stable", keep=()) -> None:
        self.store.write_releases(MODEL, {label: version, **dict(keep)}, self.trainer)

    def look(self, times: int = 1, step_ms: int = 1000) -> None:
        for _ in range(times):
            self.now += step_ms
            self.publisher.look(self.now)

    @property
    def labels(self) -> dict[str, int]:
        return self.store.labels(MODEL, self.trusted)

    @property
    def refusals(self):
        return self.store.refusals(MODEL, self.trusted)

    @property
    def placed(self) -> list[int]:
        return self.shelf.placed(MODEL)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.shelf.release()
