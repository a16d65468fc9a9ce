"""A trained network on its way to being served, and everything that must not get there."""

from __future__ import annotations

import datetime as dt
import json
import os
import pathlib
import shutil
import subprocess
import sys
import uuid

import numpy as np
import pytest

from wayfare.adapters.ed25519_signing import generate_key
from wayfare.domain.errors import ModelUnavailable
from wayfare.domain.models.artifact import folder_of

DAY = dt.date(2026, 11, 21)
ROW = np.array([[0.1, -0.4, np.nan, 2.0, 0.0]], np.float32)


@pytest.fixture
def model() -> str:
    return f"surge-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def write(installation, networks, tmp_path, model):
    """Writes a network as an artifact; `golden` takes the golden rows of another."""

    def written(network: str, golden: str | None = None, signer=None, model: str = model) -> int:
        folder = tmp_path / uuid.uuid4().hex
        shutil.copytree(networks / network, folder)
        if golden:
            shutil.copy(networks / golden / "golden.json", folder / "golden.json")
        return installation.store.write(
            model,
            DAY,
            folder,
            data_snapshot="d",
            code_commit="c",
            parameters={},
            metrics={},
            signer=signer or installation.trainer,
        )

    return written


@pytest.fixture
def release(installation, model):
    return lambda version: installation.store.write_releases(model, {"stable": version}, installation.trainer)


@pytest.fixture
def served(installation, model, write, release, until):
    """A first version that is published and must go on being served."""
    version = write("right")
    release(version)
    until(lambda: installation.store.labels(model, installation.trusted) == {"stable": version})
    return version


def refused(installation, model, until, reason: str) -> str:
    until(lambda: installation.store.refusals(model, installation.trusted))
    refusal = installation.store.refusals(model, installation.trusted)["stable"]
    assert refusal.why.startswith(f"{reason}: "), refusal
    return refusal.why


def still_served(installation, model, version) -> None:
    assert installation.store.labels(model, installation.trusted) == {"stable": version}
    assert installation.predictor.predict(model, version, ROW, 5).shape == (1, 7)


pytestmark = pytest.mark.usefixtures("model_server", "publisher")


def test_a_released_artifact_is_served_and_answers_its_golden_rows(installation, model, served, networks):
    rows = json.loads((networks / "right" / "golden.json").read_text())
    features = np.array([[np.nan if v is None else v for v in row["features"]] for row in rows], np.float32)
    answered = installation.predictor.predict(model, served, features, 5)
    assert np.allclose(answered, [row["at_least"] for row in rows], atol=1e-6)
    assert (np.diff(answered, axis=1) <= 0).all()
    placed = installation.models / model / str(served)
    assert sorted(path.name for path in placed.iterdir()) == ["fingerprint.pb", "saved_model.pb", "variables"]


def test_the_label_moves_to_the_next_release_and_the_old_version_stays_loaded(
    installation, model, served, write, release, until
):
    second = write("second")
    release(second)
    until(lambda: installation.store.labels(model, installation.trusted) == {"stable": second})
    first_answer = installation.predictor.predict(model, served, ROW, 5)
    assert not np.allclose(first_answer, installation.predictor.predict(model, second, ROW, 5), atol=1e-3)
    release(served)
    until(lambda: installation.store.labels(model, installation.trusted) == {"stable": served})


def test_a_tampered_byte_is_refused_and_the_old_version_stays(installation, model, served, write, release, until):
    version = write("second")
    path = installation.store_folder / folder_of(model, version) / "saved_model" / "saved_model.pb"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    release(version)
    refused(installation, model, until, "hash")
    still_served(installation, model, served)
    assert not (installation.models / model / str(version)).exists()
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    until(lambda: installation.store.labels(model, installation.trusted) == {"stable": version})
    until(lambda: not installation.store.refusals(model, installation.trusted))


def test_a_signature_by_an_unknown_key_is_refused(installation, model, served, write, release, until, tmp_path):
    release(write("second", signer=generate_key(tmp_path / "trainer-thief.pem")))
    refused(installation, model, until, "signature")
    still_served(installation, model, served)


def test_a_signature_by_the_publishers_own_key_is_refused(installation, model, served, write, release, until):
    release(write("second", signer=installation.publisher_key))
    refused(installation, model, until, "signature")
    still_served(installation, model, served)


def test_wrong_golden_answers_are_refused_and_the_version_is_withdrawn(
    installation, model, served, write, release, until, publisher
):
    version = write("second", golden="right")
    release(version)
    why = refused(installation, model, until, "golden")
    assert "was recorded, got" in why
    still_served(installation, model, served)
    until(lambda: not (installation.models / model / str(version)).exists())
    assert f'wayfare_artifacts_refused_total{{model="{model}",reason="golden"}} 1.0' in publisher.metrics()
    status = json.loads((installation.models / ".publisher" / "status.json").read_text())
    assert str(version) in status["models"][model]["refused"]


@pytest.mark.parametrize("network", ["not_finite", "three_outputs", "increasing", "above_one"])
def test_a_network_that_answers_nonsense_is_refused(installation, model, served, write, release, until, network):
    release(write(network, golden="right"))
    refused(installation, model, until, "golden")
    still_served(installation, model, served)


def test_an_artifact_copied_to_a_newer_version_is_refused(installation, model, served, release, until):
    newer = served + 7
    shutil.copytree(
        installation.store_folder / folder_of(model, served), installation.store_folder / folder_of(model, newer)
    )
    release(newer)
    refused(installation, model, until, "path")
    still_served(installation, model, served)


def test_a_release_that_nobody_signed_is_refused(installation, model, served, write, until, publisher):
    path = installation.store_folder / model / "releases.json"
    document = json.loads(path.read_text())
    document["payload"]["versions"]["stable"] = write("second")
    path.write_text(json.dumps(document))
    counted = f'wayfare_artifacts_refused_total{{model="{model}",reason="signature"}} 1.0'
    until(lambda: counted in publisher.metrics())
    still_served(installation, model, served)


def test_forged_labels_are_replaced_by_the_facts(installation, model, served, until):
    path = installation.store_folder / model / "labels.json"
    forged = json.loads(path.read_text())
    forged["payload"]["versions"]["stable"] = 20990101001
    path.write_text(json.dumps(forged))
    until(lambda: json.loads(path.read_text())["payload"]["versions"] == {"stable": served})
    still_served(installation, model, served)


def test_a_saved_model_that_cannot_be_loaded_is_refused_and_harms_no_other(
    installation, model, served, networks, tmp_path, release, until, model_server
):
    folder = tmp_path / "broken"
    shutil.copytree(networks / "right", folder)
    (folder / "saved_model" / "saved_model.pb").write_bytes(b"not a graph")
    version = installation.store.write(
        model, DAY, folder, data_snapshot="d", code_commit="c", parameters={}, metrics={}, signer=installation.trainer
    )
    release(version)
    refused(installation, model, until, "load")
    still_served(installation, model, served)


def test_a_publisher_killed_at_any_moment_leaves_the_old_state_or_the_new(
    installation, model, served, write, release, until, publisher
):
    versions = [served]
    for pause in (0.0, 0.05, 0.1, 0.2, 0.4):
        version = write("second" if len(versions) % 2 else "right")
        release(version)
        with pytest.raises(subprocess.TimeoutExpired):
            publisher.popen.wait(pause + 0.001)
        publisher.kill()
        labels = installation.store.labels(model, installation.trusted)
        assert labels["stable"] in (versions[-1], version)
        still_served(installation, model, labels["stable"])
        publisher.start()
        until(lambda expected=version: installation.store.labels(model, installation.trusted) == {"stable": expected})
        versions.append(version)
    # Drafts of the status pass through the folder; what a killed publisher left there would stay.
    until(lambda: list((installation.models / ".publisher" / "incoming").iterdir()) == [])


def test_an_emptied_folder_of_models_is_filled_again_at_start(installation, model, served, until, publisher):
    publisher.kill()
    shutil.rmtree(installation.models / model)
    until(lambda: "AVAILABLE" not in installation.predictor.states(model, 5).values())
    with pytest.raises(ModelUnavailable, match="NOT_FOUND"):
        installation.predictor.predict(model, served, ROW, 5)
    publisher.start()
    until(lambda: installation.predictor.states(model, 5).get(served) == "AVAILABLE")
    still_served(installation, model, served)


def test_the_store_may_vanish_for_a_while(installation, model, served, until, publisher, ready):
    hidden = installation.store_folder.with_name("hidden")
    installation.store_folder.rename(hidden)
    until(lambda: ready(publisher.admin))
    assert "is not there" in ready(publisher.admin)["publisher"]
    assert installation.predictor.predict(model, served, ROW, 5).shape == (1, 7)
    hidden.rename(installation.store_folder)
    until(lambda: ready(publisher.admin) is None)
    still_served(installation, model, served)


def publish(installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wayfare.cli.main", "publish", *arguments],
        env=os.environ | installation.variables,
        capture_output=True,
        text=True,
        check=False,
        cwd=pathlib.Path(__file__).parents[3],
    )


def test_the_command_waits_until_the_newest_version_is_served(installation, model, write):
    write("right")
    version = write("second")
    done = publish(installation, model, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"model": model, "version": version, "label": "stable", "outcome": "served"}
    assert "ok" in done.stderr


def test_the_command_says_why_a_version_was_refused(installation, model, served, write):
    version = write("second", golden="right")
    done = publish(installation, model, "--version", str(version))
    assert done.returncode == 1
    assert "refused: golden: golden row" in done.stderr
    again = publish(installation, model, "--version", str(served))
    assert again.returncode == 0, again.stderr


def test_the_command_does_not_wish_for_what_is_not_there(installation, model):
    assert publish(installation, model).returncode == 1
    assert publish(installation, model, "--version", "20261121009").returncode == 1
    assert installation.store.releases(model, installation.trusted) == {}
