"""The publisher goes on after kills, outages, rot and forgery."""

from __future__ import annotations

import json

import pytest

from services.publisher.placing import Shelf
from wayfare.adapters.memory_artifacts import MemoryArtifacts

MODEL = "surge-sf"
FIRST, SECOND = 20261121001, 20261121002


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
