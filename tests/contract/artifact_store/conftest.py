"""The stores that keep the contract: the memory twin, a folder, an object store without rename, and an S3 server."""

from __future__ import annotations

import datetime as dt
import os
import pathlib
import socket
import subprocess
import sys
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator

import fsspec
import numpy as np
import pytest

from wayfare.adapters.ed25519_signing import Signer, generate_key, trust, trusted_keys
from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.adapters.memory_artifacts import MemoryArtifacts
from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.models.artifact import Artifacts

BUCKET = "artifacts"


class Backend(ABC):
    """A store under test, and how a test reaches behind its back. fresh: another store object at the same place."""

    store: Artifacts

    @abstractmethod
    def fresh(self) -> Artifacts: ...

    def put(self, folder, signer, model="surge-sf", day=dt.date(2026, 11, 21)) -> int:
        return self.store.write(
            model, day, folder, data_snapshot="d1", code_commit="c1", parameters={"lr": 0.1}, metrics={"auc": 0.7},
            signer=signer,
        )  # fmt: skip

    def refuses(self, version, trusted, reason, model="surge-sf") -> None:
        with pytest.raises(ArtifactRefused) as caught:
            self.store.open(model, version, trusted)
        assert caught.value.reason == reason, caught.value


class FolderBackend(Backend):
    def __init__(self, tmp_path: pathlib.Path) -> None:
        self.root = tmp_path / "store"
        self.store = self.fresh()

    def fresh(self) -> Artifacts:
        return ArtifactStore(f"file://{self.root}")

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        (self.root / name).parent.mkdir(exist_ok=True)
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


class ObjectBackend(Backend):
    """An object store: every look and every write is one request for one object, and nothing is renamed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.fs, self.root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        self.store = self.fresh()

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


class S3Backend(ObjectBackend):
    def outage(self) -> None:
        self.store._fs = fsspec.filesystem("s3", endpoint_url="http://127.0.0.1:1", use_listings_cache=False)


class MemoryBackend(Backend):
    def __init__(self) -> None:
        self.store = MemoryArtifacts()

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


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an S3 server with one bucket, which this process's environment points to as an operator's would."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(pathlib.Path(__file__).with_name("s3_server.py")), str(port)]
    address = f"http://127.0.0.1:{port}"
    variables = {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests"}
    variables["AWS_MAX_ATTEMPTS"] = "1"
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patched.delenv(name)
        for name, value in variables.items():
            patched.setenv(name, value)
        try:
            _wait_for(port, server)
            fsspec.filesystem("s3").mkdir(BUCKET)
            yield address
        finally:
            server.terminate()
            server.wait(10)


def _wait_for(port: int, server: subprocess.Popen[bytes], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            assert server.poll() is None, "the S3 server ended"
            assert time.monotonic() < end, f"no S3 server within {seconds} s"
            time.sleep(0.1)


@pytest.fixture
def s3_backend(s3) -> S3Backend:
    return S3Backend(f"s3://{BUCKET}/{uuid.uuid4().hex}")


@pytest.fixture
def object_backend() -> ObjectBackend:
    return ObjectBackend(f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def folder_backend(tmp_path) -> FolderBackend:
    return FolderBackend(tmp_path)


@pytest.fixture
def memory_backend() -> MemoryBackend:
    return MemoryBackend()


@pytest.fixture(params=["folder_backend", "object_backend", "s3_backend", "memory_backend"])
def backend(request) -> Backend:
    return request.getfixturevalue(request.param)


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
