"""Releases, labels and refusals: signed by their roles, never older than seen, fresh at every look."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import uuid

import fsspec
import pytest

from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.domain.errors import ArtifactRefused, InvalidInput, StoreUnavailable
from wayfare.domain.models.artifact import folder_of
from wayfare.domain.models.signed import Refusal


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
    backend.write("surge-sim/labels.json", json.dumps(good).encode())
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


def test_refusals_are_signed_by_the_publisher_and_read_back(backend, trainer, publisher, trusted):
    assert backend.store.refusals("surge-sf", trusted) == {}
    refusal = Refusal(20261121002, "golden: row 3", "f00d")
    backend.store.write_refusals("surge-sf", {"stable": refusal}, publisher)
    assert backend.store.refusals("surge-sf", trusted) == {"stable": refusal}
    with pytest.raises(InvalidInput, match="role"):
        backend.store.write_refusals("surge-sf", {}, trainer)


def test_the_fingerprint_changes_when_an_artifact_or_the_releases_do(backend, folder, trainer):
    version = backend.put(folder, trainer)
    first = backend.store.fingerprint("surge-sf", version)
    assert backend.store.fingerprint("surge-sf", version) == first
    backend.store.write_releases("surge-sf", {"stable": version}, trainer)
    second = backend.store.fingerprint("surge-sf", version)
    assert second != first
    backend.write(f"{folder_of('surge-sf', version)}/golden.json", b"[1]")
    assert backend.store.fingerprint("surge-sf", version) != second


def test_an_outage_is_store_unavailable(backend, folder, trainer, trusted):
    version = backend.put(folder, trainer)
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


def test_what_another_store_writes_is_seen_at_the_next_look(backend, folder, trainer, publisher, trusted):
    other = backend.fresh()
    for turn in range(1, 4):
        assert other.versions("surge-sf") == [20261121000 + n for n in range(1, turn)]
        assert other.labels("surge-sf", trusted) == ({"stable": 20261121000 + turn - 1} if turn > 1 else {})
        version = backend.put(folder, trainer)
        before = other.fingerprint("surge-sf", version)
        backend.store.write_releases("surge-sf", {"stable": version}, trainer)
        backend.store.write_labels("surge-sf", {"stable": version}, publisher)
        assert other.versions("surge-sf")[-1] == version
        assert other.models() == ["surge-sf"]
        assert other.releases("surge-sf", trusted) == other.labels("surge-sf", trusted) == {"stable": version}
        assert other.fingerprint("surge-sf", version) != before
        assert other.open("surge-sf", version, trusted).read("golden.json") == b"[]"
    backend.write(f"{folder_of('surge-sf', version)}/notes.txt", b"put there behind the back")
    with pytest.raises(ArtifactRefused):
        other.open("surge-sf", version, trusted)


def test_a_bucket_that_is_not_there_is_an_outage_and_is_not_made(s3, folder, trainer, publisher, trusted):
    missing = f"missing-{uuid.uuid4().hex}"
    store = ArtifactStore(f"s3://{missing}/store")
    for call in (
        lambda: store.labels("surge-sf", trusted),
        lambda: store.write_labels("surge-sf", {"stable": 20261121001}, publisher),
        lambda: store.versions("surge-sf"),
        lambda: store.models(),
        lambda: store.fingerprint("surge-sf", 20261121001),
        lambda: store.write(
            "surge-sf", dt.date(2026, 11, 21), folder,
            data_snapshot="d", code_commit="c", parameters={}, metrics={}, signer=trainer,
        ),
    ):  # fmt: skip
        with pytest.raises(StoreUnavailable, match=missing):
            call()
    assert not fsspec.filesystem("s3").exists(missing)


def test_a_store_that_cannot_be_reached_is_not_said_to_lack_its_bucket(s3_backend):
    s3_backend.outage()
    with pytest.raises(StoreUnavailable, match="Could not connect") as raised:
        s3_backend.store.models()
    assert "is not there" not in str(raised.value)


def test_a_process_forked_from_one_that_uses_s3_looks_through_a_store_of_its_own(
    s3_backend, publisher, trusted, tmp_path
):
    s3_backend.store.write_labels("surge-sf", {"stable": 20261121001}, publisher)
    script = """if True:
        import os, pathlib, sys
        from wayfare.adapters.ed25519_signing import trusted_keys
        from wayfare.adapters.fsspec_artifacts import ArtifactStore
        url, trusted = sys.argv[1], trusted_keys(pathlib.Path(sys.argv[2]))
        assert ArtifactStore(url).labels("surge-sf", trusted) == {"stable": 20261121001}
        if os.fork() == 0:
            os._exit(0 if ArtifactStore(url).labels("surge-sf", trusted) == {"stable": 20261121001} else 3)
        _, status = os.wait()
        sys.exit(os.waitstatus_to_exitcode(status))
    """
    command = [sys.executable, "-c", script, s3_backend.url, str(tmp_path / "trusted")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
