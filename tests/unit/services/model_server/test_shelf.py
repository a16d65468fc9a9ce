"""Versions come and go with their folders; one that cannot be loaded harms no other."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from services.model_server.shelf import AVAILABLE, END, Shelf
from wayfare.runtime.metrics import MODEL_NOT_FROZEN

RETRY = 30.0


class World:
    def __init__(self, root) -> None:
        self.root = root / "models"
        self.root.mkdir()
        self.now = 0.0
        self.loads: list[str] = []
        self.shelf = Shelf(self.root, self.load, lambda network: {"serving_default": network}, RETRY, lambda: self.now)

    def load(self, folder):
        text = (folder / "saved_model.pb").read_text()
        self.loads.append(text)
        if text == "bad":
            raise ValueError("not a graph")
        slow = SimpleNamespace(reason="run", __str__=lambda: text) if text == "slow" else None
        return SimpleNamespace(signatures={"serving_default": SimpleNamespace(not_frozen=slow)}, text=text)

    def place(self, version: int, text: str = "good", model: str = "surge-sf") -> None:
        folder = self.root / model / str(version)
        folder.mkdir(parents=True)
        (folder / "saved_model.pb").write_text(text)

    def state(self, version: int, model: str = "surge-sf"):
        return (self.shelf.states(model) or {})[version]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_it_is_not_ready_before_the_first_look(world):
    assert world.shelf.problem() == "versions are being loaded"
    world.shelf.scan()
    assert world.shelf.problem() is None


def test_a_version_is_loaded_once_and_found_by_number_or_as_the_newest(world):
    world.place(1, "one")
    world.place(12, "twelve")
    world.place(9, "nine")
    for _ in range(3):
        world.shelf.scan()
    assert sorted(world.loads) == ["nine", "one", "twelve"]
    assert world.shelf.find("surge-sf", None)[0] == 12
    assert world.shelf.find("surge-sf", 9)[1].network.text == "nine"
    assert world.shelf.find("surge-sf", 10) is None
    assert world.shelf.find("surge-zz", None) is None


def test_a_version_whose_folder_is_gone_is_unloaded(world):
    world.place(1)
    world.place(2)
    world.shelf.scan()
    shutil.rmtree(world.root / "surge-sf" / "2")
    world.shelf.scan()
    assert world.state(2) == (END, "")
    assert world.shelf.find("surge-sf", None)[0] == 1


def test_a_version_that_fails_says_why_and_is_tried_again_later(world):
    world.place(1)
    world.place(2, "bad")
    world.shelf.scan()
    assert world.state(2) == (END, "ValueError: not a graph")
    assert world.state(1) == (AVAILABLE, "")
    assert world.shelf.counts() == {("surge-sf", "failed"): 1, ("surge-sf", "available"): 1}
    assert world.shelf.problem() is None
    world.shelf.scan()
    assert world.loads.count("bad") == 1
    world.now = RETRY
    world.shelf.scan()
    assert world.loads.count("bad") == 2


def test_a_replaced_folder_is_loaded_anew(world):
    world.place(1, "bad")
    world.shelf.scan()
    shutil.rmtree(world.root / "surge-sf" / "1")
    world.place(1, "good")
    world.shelf.scan()
    assert world.state(1) == (AVAILABLE, "")


def test_hidden_folders_files_and_odd_names_are_not_looked_at(world):
    world.place(1, model=".publisher")
    (world.root / "surge-sf").mkdir()
    for name in ("007", "v1", "1.tmp", ".2", "-3"):
        (world.root / "surge-sf" / name).mkdir()
    (world.root / "surge-sf" / "5").write_text("a file")
    world.shelf.scan()
    assert world.loads == []
    assert world.shelf.states("surge-sf") is None


def test_a_lost_folder_of_models_leaves_what_is_loaded(world):
    world.place(1)
    world.shelf.scan()
    world.root.rename(world.root.with_name("lost"))
    world.shelf.scan()
    assert "is gone" in world.shelf.problem()
    assert world.shelf.find("surge-sf", 1) is not None
    world.root.with_name("lost").rename(world.root)
    world.shelf.scan()
    assert world.shelf.problem() is None
    assert world.loads == ["good"]


def test_a_folder_of_models_that_is_not_made_yet_is_empty(tmp_path):
    world = World(tmp_path)
    world.root.rmdir()
    world.shelf.scan()
    assert world.shelf.problem() is None


def test_old_ended_versions_are_forgotten_in_time(world):
    for version in range(1, 31):
        world.place(version)
        world.shelf.scan()
        shutil.rmtree(world.root / "surge-sf" / str(version))
        world.shelf.scan()
    assert sorted(world.shelf.states("surge-sf")) == list(range(11, 31))


def test_a_signature_that_stays_slow_is_counted_once_with_its_reason_and_serves(world):
    world.place(1, "slow", model="surge-slow")
    world.place(1, "good")
    world.shelf.scan()
    world.shelf.scan()
    assert world.state(1, "surge-slow") == (AVAILABLE, "")
    counted = [(s.labels, s.value) for m in MODEL_NOT_FROZEN.collect() for s in m.samples if s.name.endswith("_total")]
    assert counted == [({"model": "surge-slow", "reason": "run"}, 1.0)]
