"""What every store of artifacts promises: the memory twin, a folder, and an object store without rename."""

import datetime as dt
import json
import pathlib
import threading
import uuid

import fsspec
import numpy as np
import pytest

from wayfare.adapters.ed25519_signing import Signer, generate_key, trust, trusted_keys
from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.adapters.memory_artifacts import MemoryArtifacts
from wayfare.domain.errors import ArtifactRefused, InvalidInput, StoreUnavailable
from wayfare.domain.models.artifact import Artifacts, folder_of
from wayfare.domain.models.signed import Refusal

DAY = dt.date(2026, 11, 21)


class FolderBackend:
    def __init__(self, tmp_path: pathlib.Path) -> None:
        self.root = tmp_path / "store"
        self.store: Artifacts = ArtifactStore(f"file://{self.root}")

    def fresh(self) -> Artifacts:
        return ArtifactStore(f"file://{self.root}")

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        (self.root / name).write_bytes(data)

    def delete(self, name: str) -> None:
        (self.root / name).unlink()

    def copy(self, old: str, new: str) -> None:
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.is_file() and name.startswith(old):
                place = self.root / (new + name[len(old) :])
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(path.read_bytes())

    def outage(self) -> None:
        self.root.rename(self.root.with_name("gone"))


class ObjectBackend:
    def __init__(self, tmp_path: pathlib.Path) -> None:
        self.url = f"memory://{uuid.uuid4().hex}"
        self.fs, self.root = fsspec.core.url_to_fs(self.url)
        self.store: Artifacts = ArtifactStore(self.url)

    def fresh(self) -> Artifacts:
        return ArtifactStore(self.url)

    def read(self, name: str) -> bytes:
        return self.fs.cat_file(f"{self.root}/{name}")

    def write(self, name: str, data: bytes) -> None:
        self.fs.pipe_file(f"{self.root}/{name}", data)

    def delete(self, name: str) -> None:
        self.fs.rm_file(f"{self.root}/{name}")

    def copy(self, old: str, new: str) -> None:
        for name in self.fs.find(f"{self.root}/{old}"):
            self.fs.pipe_file(name.replace(old, new, 1), self.fs.cat_file(name))

    def outage(self) -> None:
        class Broken:
            def __getattr__(self, name):
                raise ConnectionError("object store is out of reach")

        self.store._fs = Broken()


class MemoryBackend:
    def __init__(self, tmp_path: pathlib.Path) -> None:
        self.store: Artifacts = MemoryArtifacts()

    def fresh(self) -> Artifacts:
        again = MemoryArtifacts()
        again.files = self.store.files
        return again

    def read(self, name: str) -> bytes:
        return self.store.files[name]

    def write(self, name: str, data: bytes) -> None:
        self.store.files[name] = data

    def delete(self, name: str) -> None:
        del self.store.files[name]

    def copy(self, old: str, new: str) -> None:
        self.store.files |= {new + n[len(old) :]: d for n, d in self.store.files.items() if n.startswith(old)}

    def outage(self) -> None:
        self.store.broken = True


@pytest.fixture(params=[FolderBackend, ObjectBackend, MemoryBackend])
def backend(request, tmp_path):
    return request.param(tmp_path)


@pytest.fixture
def trainer(tmp_path) -> Signer:
    return generate_key(tmp_path / "keys" / "trainer-a.pem")


@pytest.fixture
def publisher(tmp_path) -> Signer:
    return generate_key(tmp_path / "keys" / "publisher-a.pem")


@pytest.fixture
def trusted(tmp_path, trainer, publisher):
    trust(trainer, tmp_path / "trusted")
    trust(publisher, tmp_path / "trusted")
    return trusted_keys(tmp_path / "trusted")


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    made = tmp_path / "made"
    (made / "saved_model" / "variables").mkdir(parents=True)
    (made / "saved_model" / "assets").mkdir()
    (made / "saved_model" / "saved_model.pb").write_bytes(b"graph")
    (made / "saved_model" / "variables" / "variables.index").write_bytes(b"index")
    (made / "golden.json").write_text("[]")
    np.savez(made / "tree.npz", cells=np.arange(4))
    return made


def write(backend, folder, signer, model="surge-sf", day=DAY) -> int:
    return backend.store.write(
        model, day, folder, data_snapshot="d1", code_commit="c1", parameters={"lr": 0.1}, metrics={"auc": 0.7},
        signer=signer,
    )  # fmt: skip


def refused(backend, version, trusted, reason, model="surge-sf"):
    with pytest.raises(ArtifactRefused) as caught:
        backend.store.open(model, version, trusted)
    assert caught.value.reason == reason, caught.value


def test_what_was_written_is_read_back_verified(backend, folder, trainer, trusted):
    version = write(backend, folder, trainer)
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
    assert [write(backend, folder, trainer) for _ in range(3)] == [20261121001, 20261121002, 20261121003]
    assert write(backend, folder, trainer, day=dt.date(2026, 11, 22)) == 20261122001
    assert write(backend, folder, trainer, model="surge-sim") == 20261121001
    assert backend.store.versions("surge-sf") == [20261121001, 20261121002, 20261121003, 20261122001]
    assert backend.store.versions("surge-none") == []


def test_writers_at_the_same_time_get_different_numbers(backend, folder, trainer, trusted):
    got: list[int] = []
    workers = [threading.Thread(target=lambda: got.append(write(backend, folder, trainer))) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(got)) == 6
    for version in got:
        assert backend.store.open("surge-sf", version, trusted).read("golden.json") == b"[]"


def test_an_artifact_without_its_signature_does_not_exist(backend, folder, trainer, trusted):
    version = write(backend, folder, trainer)
    backend.delete(f"{folder_of('surge-sf', version)}/manifest.sig")
    assert backend.store.versions("surge-sf") == []
    refused(backend, version, trusted, "signature")


def test_one_byte_changed_in_the_manifest_is_refused(backend, folder, trainer, trusted):
    version = write(backend, folder, trainer)
    name = f"{folder_of('surge-sf', version)}/manifest.json"
    backend.write(name, backend.read(name).replace(b'"auc":0.7', b'"auc":0.9'))
    refused(backend, version, trusted, "signature")


def test_a_key_that_is_not_trusted_is_refused(backend, folder, tmp_path, trusted):
    version = write(backend, folder, generate_key(tmp_path / "other" / "trainer-b.pem"))
    refused(backend, version, trusted, "signature")


def test_another_key_under_a_trusted_name_is_refused(backend, folder, tmp_path, trusted):
    version = write(backend, folder, generate_key(tmp_path / "other" / "trainer-a.pem"))
    refused(backend, version, trusted, "signature")


def test_the_publishers_key_cannot_make_an_artifact(backend, folder, publisher, trusted):
    version = write(backend, folder, publisher)
    refused(backend, version, trusted, "signature")


def test_an_artifact_moved_to_another_version_or_model_is_refused(backend, folder, trainer, trusted):
    version = write(backend, folder, trainer)
    backend.copy(folder_of("surge-sf", version), folder_of("surge-sf", version + 5))
    backend.copy(folder_of("surge-sf", version), folder_of("surge-sim", version))
    refused(backend, version + 5, trusted, "path")
    refused(backend, version, trusted, "path", model="surge-sim")


def test_a_tampered_file_of_the_same_size_is_refused_when_it_is_read(backend, folder, trainer, trusted):
    version = write(backend, folder, trainer)
    backend.write(f"{folder_of('surge-sf', version)}/saved_model/saved_model.pb", b"grapf")
    artifact = backend.store.open("surge-sf", version, trusted)
    with pytest.raises(ArtifactRefused) as caught:
        artifact.read("saved_model/saved_model.pb")
    assert caught.value.reason == "hash"
    assert artifact.read("golden.json") == b"[]"


def test_a_file_that_the_manifest_does_not_name_is_refused(backend, folder, trainer, trusted):
    version = write(backend, folder, trainer)
    backend.write(f"{folder_of('surge-sf', version)}/notes.txt", b"hello")
    refused(backend, version, trusted, "files")


def test_a_missing_file_is_refused(backend, folder, trainer, trusted):
    version = write(backend, folder, trainer)
    backend.delete(f"{folder_of('surge-sf', version)}/golden.json")
    refused(backend, version, trusted, "files")


def test_a_file_is_not_read_unless_the_manifest_names_it(backend, folder, trainer, trusted):
    artifact = backend.store.open("surge-sf", write(backend, folder, trainer), trusted)
    for name in ("manifest.json", "../20261121001/golden.json", "nothing.json"):
        with pytest.raises(ArtifactRefused):
            artifact.read(name)


@pytest.mark.parametrize("name", ["model.pkl", "weights.joblib", "saved_model/code.py", ".hidden.json", "run.sh"])
def test_a_kind_of_file_that_could_run_code_is_not_written(backend, folder, trainer, name):
    (folder / name).write_bytes(b"x")
    with pytest.raises(ArtifactRefused) as caught:
        write(backend, folder, trainer)
    assert caught.value.reason == "files"
    assert backend.store.versions("surge-sf") == []


def test_a_pickle_inside_a_numpy_file_is_not_written(backend, folder, trainer):
    np.savez(folder / "tree.npz", cells=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ArtifactRefused):
        write(backend, folder, trainer)


def test_a_link_is_not_written(backend, folder, trainer):
    (folder / "report.json").symlink_to("/etc/hostname")
    with pytest.raises(ArtifactRefused):
        write(backend, folder, trainer)


@pytest.mark.parametrize("model", ["../x", "", "a/b", ".staging", "x" * 65])
def test_a_models_name_cannot_climb(backend, folder, trainer, model, trusted):
    with pytest.raises(InvalidInput):
        write(backend, folder, trainer, model=model)
    with pytest.raises(InvalidInput):
        backend.store.labels(model, trusted)


@pytest.mark.parametrize("version", [0, 7, 20261121000, 20261332001, 20261121001999])
def test_a_version_that_cannot_exist_is_refused(backend, trusted, version):
    with pytest.raises(InvalidInput):
        backend.store.open("surge-sf", version, trusted)


def test_pointers_start_empty_and_are_read_back(backend, trainer, publisher, trusted):
    assert backend.store.releases("surge-sf", trusted) == {}
    assert backend.store.labels("surge-sf", trusted) == {}
    backend.store.write_releases("surge-sf", {"stable": 20261121001, "canary": 20261121002}, trainer)
    backend.store.write_labels("surge-sf", {"stable": 20261121001}, publisher)
    assert backend.store.releases("surge-sf", trusted) == {"stable": 20261121001, "canary": 20261121002}
    assert backend.store.labels("surge-sf", trusted) == {"stable": 20261121001}
    assert backend.store.models() == ["surge-sf"]


def test_only_the_right_role_signs_pointers(backend, trainer, publisher):
    with pytest.raises(InvalidInput, match="role"):
        backend.store.write_labels("surge-sf", {"stable": 20261121001}, trainer)
    with pytest.raises(InvalidInput, match="role"):
        backend.store.write_releases("surge-sf", {"stable": 20261121001}, publisher)


def test_an_unsigned_altered_or_exchanged_pointer_is_refused(backend, trainer, publisher, trusted):
    backend.store.write_releases("surge-sf", {"stable": 20261121001}, trainer)
    backend.store.write_labels("surge-sf", {"stable": 20261121001}, publisher)
    good = json.loads(backend.read("surge-sf/labels.json"))
    altered = good | {"payload": good["payload"] | {"versions": {"stable": 20261121009}}}
    unsigned = {"payload": good["payload"]}
    for bad in (altered, unsigned, {"stable": 20261121001}, [], good | {"kid": "nobody"}):
        backend.write("surge-sf/labels.json", json.dumps(bad).encode())
        with pytest.raises(ArtifactRefused) as caught:
            backend.store.labels("surge-sf", trusted)
        assert caught.value.reason == "signature"
    backend.write("surge-sf/labels.json", backend.read("surge-sf/releases.json"))
    with pytest.raises(ArtifactRefused):
        backend.store.labels("surge-sf", trusted)
    backend.write("surge-sim/labels.json", json.dumps(good).encode()) if not isinstance(backend, FolderBackend) else (
        (backend.root / "surge-sim").mkdir(),
        backend.write("surge-sim/labels.json", json.dumps(good).encode()),
    )
    with pytest.raises(ArtifactRefused) as caught:
        backend.store.labels("surge-sim", trusted)
    assert caught.value.reason == "path"


def test_an_old_pointer_put_back_is_refused_by_a_reader_that_saw_the_newer(backend, publisher, trusted):
    backend.store.write_labels("surge-sf", {"stable": 20261121001}, publisher)
    old = backend.read("surge-sf/labels.json")
    backend.store.write_labels("surge-sf", {"stable": 20261121002}, publisher)
    assert backend.store.labels("surge-sf", trusted) == {"stable": 20261121002}
    backend.write("surge-sf/labels.json", old)
    with pytest.raises(ArtifactRefused) as caught:
        backend.store.labels("surge-sf", trusted)
    assert caught.value.reason == "replay"
    assert backend.fresh().labels("surge-sf", trusted) == {"stable": 20261121001}, "a new reader has no memory"


def test_going_back_to_an_older_version_is_a_new_wish_and_is_read(backend, trainer, trusted):
    for version in (20261121001, 20261121002, 20261121001):
        backend.store.write_releases("surge-sf", {"stable": version}, trainer)
        assert backend.store.releases("surge-sf", trusted) == {"stable": version}


def test_an_outage_is_store_unavailable(backend, folder, trainer, trusted):
    version = write(backend, folder, trainer)
    artifact = backend.store.open("surge-sf", version, trusted)
    assert artifact.read("golden.json") == b"[]"
    backend.outage()
    for call in (
        lambda: backend.store.labels("surge-sf", trusted),
        lambda: backend.store.releases("surge-sf", trusted),
        lambda: backend.store.models(),
        lambda: backend.store.versions("surge-sf"),
    ):
        with pytest.raises(StoreUnavailable):
            call()


def test_refusals_are_signed_by_the_publisher_and_read_back(backend, trainer, publisher, trusted):
    assert backend.store.refusals("surge-sf", trusted) == {}
    refusal = Refusal(20261121002, "golden: row 3", "f00d")
    backend.store.write_refusals("surge-sf", {"stable": refusal}, publisher)
    assert backend.store.refusals("surge-sf", trusted) == {"stable": refusal}
    with pytest.raises(InvalidInput, match="role"):
        backend.store.write_refusals("surge-sf", {}, trainer)


def test_the_fingerprint_changes_when_an_artifact_or_the_releases_do(backend, folder, trainer):
    version = write(backend, folder, trainer)
    first = backend.store.fingerprint("surge-sf", version)
    assert backend.store.fingerprint("surge-sf", version) == first
    backend.store.write_releases("surge-sf", {"stable": version}, trainer)
    second = backend.store.fingerprint("surge-sf", version)
    assert second != first
    backend.write(f"{folder_of('surge-sf', version)}/golden.json", b"[1]")
    assert backend.store.fingerprint("surge-sf", version) != second
