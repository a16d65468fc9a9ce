"""Opening artifacts: whatever is not what a trusted trainer signed is refused, with the reason."""

from __future__ import annotations

import pytest

from wayfare.adapters.ed25519_signing import generate_key
from wayfare.domain.errors import ArtifactRefused, InvalidInput
from wayfare.domain.models.artifact import folder_of


def test_one_byte_changed_in_the_manifest_is_refused(backend, folder, trainer, trusted):
    version = backend.put(folder, trainer)
    name = f"{folder_of('surge-sf', version)}/manifest.json"
    backend.write(name, backend.read(name).replace(b'"auc":0.7', b'"auc":0.9'))
    backend.refuses(version, trusted, "signature")


def test_a_key_that_is_not_trusted_is_refused(backend, folder, tmp_path, trusted):
    version = backend.put(folder, generate_key(tmp_path / "other" / "trainer-b.pem"))
    backend.refuses(version, trusted, "signature")


def test_another_key_under_a_trusted_name_is_refused(backend, folder, tmp_path, trusted):
    version = backend.put(folder, generate_key(tmp_path / "other" / "trainer-a.pem"))
    backend.refuses(version, trusted, "signature")


def test_the_publishers_key_cannot_make_an_artifact(backend, folder, publisher, trusted):
    version = backend.put(folder, publisher)
    backend.refuses(version, trusted, "signature")


def test_an_artifact_moved_to_another_version_or_model_is_refused(backend, folder, trainer, trusted):
    version = backend.put(folder, trainer)
    backend.copy(folder_of("surge-sf", version), folder_of("surge-sf", version + 5))
    backend.copy(folder_of("surge-sf", version), folder_of("surge-sim", version))
    backend.refuses(version + 5, trusted, "path")
    backend.refuses(version, trusted, "path", model="surge-sim")


def test_a_tampered_file_of_the_same_size_is_refused_when_it_is_read(backend, folder, trainer, trusted):
    version = backend.put(folder, trainer)
    backend.write(f"{folder_of('surge-sf', version)}/saved_model/saved_model.pb", b"grapf")
    artifact = backend.store.open("surge-sf", version, trusted)
    with pytest.raises(ArtifactRefused) as caught:
        artifact.read("saved_model/saved_model.pb")
    assert caught.value.reason == "hash"
    assert artifact.read("golden.json") == b"[]"


def test_a_file_that_the_manifest_does_not_name_is_refused(backend, folder, trainer, trusted):
    version = backend.put(folder, trainer)
    backend.write(f"{folder_of('surge-sf', version)}/notes.txt", b"hello")
    backend.refuses(version, trusted, "files")


def test_a_missing_file_is_refused(backend, folder, trainer, trusted):
    version = backend.put(folder, trainer)
    backend.delete(f"{folder_of('surge-sf', version)}/golden.json")
    backend.refuses(version, trusted, "files")


def test_a_file_is_not_read_unless_the_manifest_names_it(backend, folder, trainer, trusted):
    artifact = backend.store.open("surge-sf", backend.put(folder, trainer), trusted)
    for name in ("manifest.json", "../20261121001/golden.json", "nothing.json"):
        with pytest.raises(ArtifactRefused):
            artifact.read(name)


@pytest.mark.parametrize("version", [0, 7, 20261121000, 20261332001, 20261121001999])
def test_a_version_that_cannot_exist_is_refused(backend, trusted, version):
    with pytest.raises(InvalidInput):
        backend.store.open("surge-sf", version, trusted)
