"""What the publisher does at each look: a release is proven and served, or refused with the reason."""

from __future__ import annotations

import datetime as dt
import json

from wayfare.adapters.ed25519_signing import trust
from wayfare.domain.models.artifact import folder_of

MODEL = "surge-sf"
DAY = dt.date(2026, 11, 21)
FIRST, SECOND = 20261121001, 20261121002
MINUTE = 60_000


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


def test_the_label_waits_for_every_server(world):
    slow = world.add_server()
    slow.state = "LOADING"
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
