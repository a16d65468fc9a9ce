"""Writing artifacts: numbers, names, kinds of files, and what counts as written."""

from __future__ import annotations

import datetime as dt
import threading

import numpy as np
import pytest

from wayfare.domain.errors import ArtifactRefused, InvalidInput, StoreUnavailable
from wayfare.domain.models.artifact import folder_of


def test_what_was_written_is_read_back_verified(backend, folder, trainer, trusted):
    version = backend.put(folder, trainer)
    assert version == 20261121001
    artifact = backend.store.open("surge-sf", version, trusted)
    assert artifact.names() == [
        "golden.json",
        "saved_model/saved_model.pb",
        "saved_model/variables/variables.index",
        "tree.npz",
    ]
    assert artifact.read("saved_model/saved_model.pb") == b"graph"
    assert artifact.manifest.parameters == {"lr": 0.1}
    assert artifact.manifest.metrics == {"auc": 0.7}
    assert (artifact.manifest.data_snapshot, artifact.manifest.code_commit) == ("d1", "c1")
    assert artifact.manifest.created.endswith("Z")


def test_each_write_of_a_day_takes_the_next_number(backend, folder, trainer):
    assert [backend.put(folder, trainer) for _ in range(3)] == [20261121001, 20261121002, 20261121003]
    assert backend.put(folder, trainer, day=dt.date(2026, 11, 22)) == 20261122001
    assert backend.put(folder, trainer, model="surge-sim") == 20261121001
    assert backend.store.versions("surge-sf") == [20261121001, 20261121002, 20261121003, 20261122001]
    assert backend.store.versions("surge-none") == []


def test_writers_at_the_same_time_get_different_numbers(backend, folder, trainer, trusted):
    got: list[int] = []
    workers = [threading.Thread(target=lambda: got.append(backend.put(folder, trainer))) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(got)) == 6
    for version in got:
        assert backend.store.open("surge-sf", version, trusted).read("golden.json") == b"[]"


def test_an_artifact_without_its_signature_does_not_exist(backend, folder, trainer, trusted):
    version = backend.put(folder, trainer)
    backend.delete(f"{folder_of('surge-sf', version)}/manifest.sig")
    assert backend.store.versions("surge-sf") == []
    backend.refuses(version, trusted, "signature")


@pytest.mark.parametrize("name", ["model.pkl", "weights.joblib", "saved_model/code.py", ".hidden.json", "run.sh"])
def test_a_kind_of_file_that_could_run_code_is_not_written(backend, folder, trainer, name):
    (folder / name).write_bytes(b"x")
    with pytest.raises(ArtifactRefused) as caught:
        backend.put(folder, trainer)
    assert caught.value.reason == "files"
    assert backend.store.versions("surge-sf") == []


def test_a_pickle_inside_a_numpy_file_is_not_written(backend, folder, trainer):
    np.savez(folder / "tree.npz", cells=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ArtifactRefused):
        backend.put(folder, trainer)


def test_a_link_is_not_written(backend, folder, trainer):
    (folder / "report.json").symlink_to("/etc/hostname")
    with pytest.raises(ArtifactRefused):
        backend.put(folder, trainer)


@pytest.mark.parametrize("model", ["../x", "", "a/b", ".staging", "x" * 65])
def test_a_models_name_cannot_climb(backend, folder, trainer, model, trusted):
    with pytest.raises(InvalidInput):
        backend.put(folder, trainer, model=model)
    with pytest.raises(InvalidInput):
        backend.store.labels(model, trusted)


@pytest.fixture(params=["object", "s3"])
def objects(request):
    if request.param == "s3":
        return request.getfixturevalue("s3_backend")
    return request.getfixturevalue("object_backend")


def test_an_upload_that_breaks_off_anywhere_does_not_exist_and_takes_no_number_twice(
    objects, folder, trainer, trusted, monkeypatch
):
    files = len([path for path in folder.rglob("*") if path.is_file()]) + 2
    put, written = objects.store._fs.pipe_file, []

    def breaking(at):
        def pipe_file(path, data, **more):
            if more.get("mode") != "create":
                if len(written) == at:
                    raise ConnectionResetError("the connection broke on purpose")
                written.append(path)
            put(path, data, **more)

        return pipe_file

    for at in range(files):
        written.clear()
        monkeypatch.setattr(objects.store._fs, "pipe_file", breaking(at))
        with pytest.raises(StoreUnavailable):
            objects.put(folder, trainer)
        monkeypatch.undo()
        assert not any(path.endswith("/manifest.sig") for path in written)
        assert objects.fresh().versions("surge-sf") == []
        objects.refuses(20261121001 + at, trusted, "signature")
    assert objects.put(folder, trainer) == 20261121001 + files
    assert objects.fresh().versions("surge-sf") == [20261121001 + files]
