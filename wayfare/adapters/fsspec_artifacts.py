"""The artifact store on any fsspec file system: a folder (`file://`), an object store (`s3://`).

On a folder an artifact is staged beside its place and renamed into it; on an object store, which has no rename, its
files are put in place and `manifest.sig` last, and an artifact without `manifest.sig` does not exist. A number of a day
is claimed by creating `<model>/<day>/.claims/<n>` exclusively, so two writers never get the same one and no number is
given twice, even after a failure. (s3fs does this by a conditional put; a file system without exclusive creation
falls back to look-then-write.)
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from wayfare.adapters.file_artifact_folder import read_folder
from wayfare.adapters.signed_pointers import SignedPointers
from wayfare.domain.errors import ArtifactRefused, InvalidInput, StoreUnavailable
from wayfare.domain.models.artifact import (
    MANIFEST,
    MAX_PER_DAY,
    SIGNATURE,
    Manifest,
    check_listing,
    check_model,
    entries_of,
    folder_of,
    read_manifest,
    version_of,
)
from wayfare.domain.models.signed import Signer, Trusted, signature_text
from wayfare.domain.times import format_rfc3339

_STAMPS = ("size", "mtime", "ino", "created", "ETag", "LastModified")
"""What file systems tell of a file that changes when it is written; each knows some of these."""

_S3_PATIENCE = {"connect_timeout": 2, "read_timeout": 10}
"""Seconds for one try. How many tries a call has `AWS_MAX_ATTEMPTS` says; s3fs would make each of them five times more."""


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


@contextlib.contextmanager
def _reachable(what: str) -> Iterator[None]:
    """Any failure of the file system (each has errors of its own) as StoreUnavailable; FileNotFoundError passes."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, ArtifactRefused, InvalidInput, StoreUnavailable):
        raise
    except Exception as error:
        raise StoreUnavailable(f"the artifact store failed on {what}: {type(error).__name__}: {error}") from error


class ArtifactStore(SignedPointers):
    """`wayfare.domain.models.artifact.Artifacts` at an fsspec URL. An object store's addresses and keys come from the
    environment that its clients share (for S3 `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`...); its bucket must be there."""

    def __init__(self, url: str, clock_ms: Callable[[], int] = _wall_ms) -> None:
        super().__init__(clock_ms)
        with _reachable("opening the store"):
            # What others write must be seen at the next look.
            bounds = {"config_kwargs": _S3_PATIENCE} if url.startswith("s3://") else {}
            self._fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False, **bounds)
            if bounds:
                self._fs.retries = 1
        self._root = str(root).rstrip("/")
        self._local = isinstance(self._fs, LocalFileSystem)
        if self._local:
            with contextlib.suppress(OSError):  # a new installation; what is wrong shows at the first read
                os.mkdir(self._root)

    def write(
        self,
        model: str,
        day: dt.date,
        folder: Path,
        *,
        data_snapshot: str,
        code_commit: str,
        parameters: Mapping[str, Any],
        metrics: Mapping[str, Any],
        signer: Signer,
    ) -> int:
        """Sign and store the files of a folder as the day's next artifact; its version."""
        check_model(model)
        contents = read_folder(folder)
        entries = entries_of(contents)
        with _reachable(f"claiming a number for {model}"):
            version = self._claim(model, day)
        manifest = Manifest(
            model=model,
            version=version,
            created=format_rfc3339(self._clock_ms()),
            files=entries,
            data_snapshot=data_snapshot,
            code_commit=code_commit,
            parameters=parameters,
            metrics=metrics,
        ).to_bytes()
        contents[MANIFEST] = manifest
        contents[SIGNATURE] = signature_text(manifest, signer)
        with _reachable(f"writing {model} {version}"):
            self._place(folder_of(model, version), contents)
        return version

    def _claim(self, model: str, day: dt.date) -> int:
        claims = f"{self._root}/{model}/{day:%Y%m%d}/.claims"
        self._check_there()
        if self._local:
            self._fs.makedirs(claims, exist_ok=True)
        try:
            listed = self._fs.ls(claims, detail=False)
        except FileNotFoundError:  # an object store knows no empty folders
            listed = []
        taken = {int(Path(name).name) for name in listed if Path(name).name.isdigit()}
        for number in range(max(taken, default=0) + 1, MAX_PER_DAY + 1):
            try:
                self._create(f"{claims}/{number}")
            except FileExistsError:
                continue
            return version_of(day, number)
        raise InvalidInput(f"a day has at most {MAX_PER_DAY} artifacts of a model, got one more for {model} on {day}")

    def _create(self, path: str) -> None:
        if self._local:
            with open(path, "xb"):  # LocalFileSystem.pipe_file(mode="create") looks and then writes
                return
        self._fs.pipe_file(path, b"", mode="create")

    def _place(self, folder: str, contents: Mapping[str, bytes]) -> None:
        place = f"{self._root}/{folder}"
        if self._local:
            staged = Path(self._root, ".staging", uuid.uuid4().hex)
            for name, data in contents.items():
                _write_synced(staged / name, data)
            os.rename(staged, place)
            _sync_folder(Path(place).parent)
            return
        for name, data in contents.items():  # manifest.sig is the last of them
            self._fs.pipe_file(f"{place}/{name}", data)

    def open(self, model: str, version: int, trusted: Trusted) -> FsspecArtifact:
        """The artifact, once signature, path and listing are verified."""
        folder = f"{self._root}/{folder_of(model, version)}"
        with _reachable(f"reading {model} {version}"):
            try:
                data, signature = self._fs.cat_file(f"{folder}/{MANIFEST}"), self._fs.cat_file(f"{folder}/{SIGNATURE}")
            except FileNotFoundError as error:
                raise ArtifactRefused(f"no complete artifact is there, got {model} {version}", "signature") from error
            manifest = read_manifest(data, signature, model, version, trusted)
            check_listing(manifest, self._listing(folder))
        return FsspecArtifact(self._fs, folder, manifest)

    def _listing(self, folder: str) -> dict[str, int]:
        start = len(self._fs._strip_protocol(folder)) + 1
        listed = self._fs.find(folder, withdirs=True, detail=True)
        for name, info in listed.items():
            if info.get("islink") or info["type"] not in ("file", "directory"):
                raise ArtifactRefused(f"an artifact holds plain files, no links, got {name[start:]}", "files")
        return {name[start:]: info["size"] for name, info in listed.items() if info["type"] == "file"}

    def versions(self, model: str) -> list[int]:
        """Complete artifacts, oldest first; nothing about them is verified."""
        check_model(model)
        with _reachable(f"listing {model}"):
            self._check_there()
            found = self._fs.glob(f"{self._root}/{model}/*/*/{SIGNATURE}")
        pairs = [name.split("/")[-3:-1] for name in found]
        return sorted(int(day) * 1000 + int(number) for day, number in pairs if day.isdigit() and number.isdigit())

    def _check_there(self) -> None:
        """A store that is away holds nothing, and must not pass for an empty one."""
        if self._local and not os.path.isdir(self._root):
            raise StoreUnavailable(f"the folder of artifacts is not there, got {self._root}")
        bucket = "" if self._local else self._root.partition("/")[0]
        if bucket and not self._fs.exists(bucket):
            # s3fs says of a bucket that it cannot reach that it does not exist; a listing raises why.
            with contextlib.suppress(FileNotFoundError):
                self._fs.ls(bucket)
            raise StoreUnavailable(f"the bucket of artifacts is not there, got {bucket}")

    def models(self) -> list[str]:
        """Models that have releases, by name."""
        with _reachable("listing the models"):
            self._check_there()
            found = self._fs.glob(f"{self._root}/*/releases.json")
        return sorted(name.split("/")[-2] for name in found)

    def fingerprint(self, model: str, version: int) -> str:
        """Changes whenever a file of the artifact, or the model's releases, is written; nothing is verified."""
        with _reachable(f"listing {model} {version}"):
            self._check_there()
            listed = self._fs.find(f"{self._root}/{folder_of(model, version)}", detail=True)
            with contextlib.suppress(FileNotFoundError):
                listed["releases"] = self._fs.info(f"{self._root}/{model}/releases.json")
        seen = [(name, *(str(info.get(key)) for key in _STAMPS)) for name, info in sorted(listed.items())]
        return hashlib.sha256(repr(seen).encode()).hexdigest()

    def _read_file(self, name: str) -> bytes | None:
        with _reachable(f"reading {name}"):
            try:
                data: bytes = self._fs.cat_file(f"{self._root}/{name}")
            except FileNotFoundError:
                self._check_there()
                return None
        return data

    def _replace_file(self, name: str, data: bytes) -> None:
        path = f"{self._root}/{name}"
        with _reachable(f"writing {name}"):
            if self._local:
                draft = Path(self._root, ".staging", uuid.uuid4().hex)
                _write_synced(draft, data)
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                draft.replace(path)
            else:
                self._fs.pipe_file(path, data)


class FsspecArtifact:
    """A verified artifact in the store."""

    def __init__(self, fs: Any, folder: str, manifest: Manifest) -> None:
        self._fs = fs
        self._folder = folder
        self._manifest = manifest

    @property
    def manifest(self) -> Manifest:
        """The signed manifest."""
        return self._manifest

    def names(self) -> list[str]:
        """All files, in order."""
        return sorted(self._manifest.files)

    def read(self, name: str) -> bytes:
        """The signed bytes of a file."""
        where = f"{self._manifest.model} {self._manifest.version}"
        if name not in self._manifest.files:
            raise ArtifactRefused(f"{where} has no such file, got {name!r}", "files")
        with _reachable(f"reading {name} of {where}"):
            try:
                data: bytes = self._fs.cat_file(f"{self._folder}/{name}")
            except FileNotFoundError as error:
                raise ArtifactRefused(f"{where} has lost a file, got {name!r}", "files") from error
        return self._manifest.files[name].check(name, data)


def _write_synced(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
