"""What the publisher does at each look, with the store in memory and model servers that read the folder."""

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
from wayfare.domain.models.artifact import folder_of
from wayfare.domain.models.predictor import checked_answer

MODEL, DAY = "surge-sf", dt.date(2026, 11, 21)
FIRST, SECOND = 20261121001, 20261121002
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
        self.now = 0
        self.publisher = self.new_publisher()

    def new_publisher(self) -> Publisher:
        self.shelf = Shelf(self.models)
        return Publisher(
            self.store,
            self.shelf,
            lambda: self.servers,
            self.trusted,
            self.signer,
            keep_ms=10 * MINUTE,
            load_ms=MINUTE,
            predict_s=1.0,
            tolerance=1e-4,
        )

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


def test_a_release_is_served_after_one_look_and_every_golden_row_was_asked(world):
    world.release(world.write(rows=600))
    world.look()
    assert world.labels == {"stable": FIRST}
    assert sum(world.servers[0].calls) == 600
    assert max(world.servers[0].calls) <= 256
    assert world.publisher.problem() is None


def test_only_the_saved_model_is_placed(world):
    world.release(world.write())
    world.look()
    names = {path.name for path in (world.models / MODEL / str(FIRST)).rglob("*")}
    assert names == {"saved_model.pb", "variables", "variables.index"}


def test_the_label_waits_for_every_server(world, tmp_path):
    slow = FolderServer(world.models)
    slow.state = "LOADING"
    world.servers.append(slow)
    world.release(world.write())
    world.look(5)
    assert world.labels == {}
    status = json.loads((world.models / ".publisher" / "status.json").read_text())
    assert "is loading" in status["models"][MODEL]["waiting"]["stable"]
    slow.state = "AVAILABLE"
    world.look()
    assert world.labels == {"stable": FIRST}


def test_a_version_that_never_becomes_available_is_refused(world):
    world.servers[0].state = "LOADING"
    world.release(world.write())
    world.look(62)
    assert world.refusals["stable"].why.startswith("load: not available after")
    assert world.placed == []


def test_a_server_that_is_down_is_no_fault_of_the_artifact(world):
    world.servers[0].down = True
    world.release(world.write())
    world.look(200)
    assert "down on purpose" in world.publisher.problem()
    assert world.refusals == {}
    world.servers[0].down = False
    world.look()
    assert world.labels == {"stable": FIRST}
    assert world.publisher.problem() is None


def test_wrong_golden_answers_leave_the_old_label_and_take_the_version_away(world):
    world.release(world.write())
    world.look()
    world.release(world.write(0.7, golden=0.6))
    world.look(3)
    assert world.labels == {"stable": FIRST}
    assert world.refusals["stable"].version == SECOND
    assert "was recorded, got" in world.refusals["stable"].why
    assert world.placed == [FIRST]
    assert world.publisher.problem() is None, "a bad artifact does not make the publisher unready"


def test_a_refused_version_is_not_tried_again_until_something_changes(world):
    world.release(world.write(0.7, golden=0.6))
    world.look()
    asked = len(world.servers[0].calls)
    world.look(5)
    assert len(world.servers[0].calls) == asked
    world.release(FIRST)
    world.look(10)
    assert len(world.servers[0].calls) > asked


def test_a_repaired_artifact_is_served_and_the_refusal_goes(world):
    version = world.write()
    name = f"{folder_of(MODEL, version)}/saved_model/saved_model.pb"
    good = world.store.files[name]
    world.store.files[name] = b"0.6"
    world.release(version)
    world.look()
    assert world.refusals["stable"].why.startswith("hash: ")
    world.store.files[name] = good
    world.look(8)
    assert world.labels == {"stable": version}
    assert world.refusals == {}


def test_a_key_that_is_trusted_later_lets_the_artifact_in(world):
    (world.tmp / "trusted" / "trainer-a.pem").unlink()
    world.release(world.write())
    world.look(2)
    assert world.labels == {}
    trust(world.trainer, world.tmp / "trusted")
    world.look()
    assert world.labels == {"stable": FIRST}


def test_the_old_version_stays_ten_minutes_after_its_label_left(world):
    world.release(world.write())
    world.look()
    world.release(world.write(0.6))
    world.look()
    assert world.labels == {"stable": SECOND}
    world.look(9, MINUTE)
    assert world.placed == [FIRST, SECOND]
    world.restart()
    world.look(2, MINUTE)
    assert world.placed == [SECOND]


def test_two_labels_are_independent(world):
    first, second = world.write(), world.write(0.6)
    world.release(first, keep={"canary": second})
    world.look()
    assert world.labels == {"stable": first, "canary": second}
    world.release(first)
    world.look()
    assert world.labels == {"stable": first}


def test_what_labels_name_is_placed_again_after_a_restart_on_an_empty_disk(world):
    world.release(world.write())
    world.look()
    world.restart()
    for path in sorted((world.models / MODEL).rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    world.look()
    assert world.placed == [FIRST]
    assert world.labels == {"stable": FIRST}


def test_bytes_that_rotted_on_the_disk_are_replaced_at_the_next_start(world):
    world.release(world.write())
    world.look()
    rotten = world.models / MODEL / str(FIRST) / "saved_model.pb"
    rotten.write_text("0.9")
    world.restart()
    world.look()
    assert rotten.read_text() == "0.5"


def test_what_a_killed_publisher_left_half_copied_is_deleted(world):
    world.release(world.write())
    world.look()
    world.shelf.release()
    half = world.models / ".publisher" / "incoming" / "half"
    half.mkdir()
    (half / "saved_model.pb").write_text("0.")
    world.publisher = world.new_publisher()
    world.look()
    assert not half.exists()
    assert world.placed == [FIRST]


@pytest.mark.parametrize("killed_at", ["place", "write_labels", "write_refusals", "withdraw", "write_state"])
def test_a_kill_before_any_step_is_made_good_by_the_next_start(world, monkeypatch, killed_at):
    class Killed(BaseException):
        pass

    world.release(world.write())
    world.look()
    bad = killed_at in ("write_refusals", "withdraw")
    world.release(world.write(0.6, golden=0.7 if bad else None))
    owner = Shelf if hasattr(Shelf, killed_at) else MemoryArtifacts

    def die(*_args, **_kwargs):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(owner, killed_at, die)
        with pytest.raises(Killed):
            world.look(3)
    assert world.labels["stable"] in (FIRST, SECOND)
    world.restart()
    world.look(8)
    assert world.labels == {"stable": FIRST if bad else SECOND}
    assert (SECOND in world.placed) is not bad


def test_a_second_publisher_waits_until_the_first_is_gone(world):
    world.look()
    other = Shelf(world.models)
    assert other.take() is False
    world.shelf.release()
    assert other.take() is True
    world.look()
    assert "another publisher" in world.publisher.problem()
    other.release()
    world.look()
    assert world.publisher.problem() is None


def test_an_outage_of_the_store_is_told_and_survived(world):
    world.release(world.write())
    world.look()
    world.store.broken = True
    world.look()
    assert "broken on purpose" in world.publisher.problem()
    assert world.placed == [FIRST]
    world.store.broken = False
    world.look()
    assert world.publisher.problem() is None


def test_forged_labels_are_written_anew(world):
    world.release(world.write())
    world.look()
    good = json.loads(world.store.files[f"{MODEL}/labels.json"])
    good["payload"]["versions"]["stable"] = SECOND
    world.store.files[f"{MODEL}/labels.json"] = json.dumps(good).encode()
    world.look()
    assert world.labels == {"stable": FIRST}


def test_a_release_of_something_that_is_no_version_is_refused_and_harms_no_other_label(world):
    world.release(77, label="canary", keep={"stable": world.write()})
    world.look(2)
    assert world.labels == {"stable": FIRST}
    assert world.refusals["canary"].why.startswith("path: ")


def test_an_artifact_without_a_network_or_golden_rows_is_refused(world):
    for missing in ("saved_model", "golden.json"):
        folder = world.tmp / missing.replace(".", "-")
        (folder / "saved_model").mkdir(parents=True)
        (folder / "report.json").write_text("{}")
        if missing != "saved_model":
            (folder / "saved_model" / "saved_model.pb").write_text("0.5")
        else:
            (folder / "golden.json").write_text("[]")
        version = world.store.write(
            MODEL, DAY, folder, data_snapshot="d", code_commit="c", parameters={}, metrics={}, signer=world.trainer
        )
        world.release(version)
        world.look()
        assert world.refusals["stable"].version == version
