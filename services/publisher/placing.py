"""The folder that the model server watches: versions appear and disappear in one step, whatever happens in between.

A version is written under `.publisher/incoming/`, synced to disk and renamed into place; one that goes is renamed out
and then deleted. What a killed process left there is deleted at the next start. Names that begin with a dot are not
looked at by model servers.
"""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import shutil
import uuid
from collections.abc import Mapping
from typing import Any

from wayfare.domain.errors import ArtifactRefused, StoreUnavailable
from wayfare.domain.models.artifact import SAVED_MODEL, VerifiedArtifact

_OWN = ".publisher"


class Shelf:
    """Versions placed in a folder, for one publisher at a time."""

    def __init__(self, root: pathlib.Path) -> None:
        self._root = root
        self._own = root / _OWN
        self._incoming = self._own / "incoming"
        self._lock: int | None = None

    def take(self) -> bool:
        """Own the folder until this process ends, and clean up after one that was killed; False while another does."""
        if self._lock is not None:
            return True
        self._own.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._own / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir()
        return True

    def release(self) -> None:
        """Let another publisher take the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def placed(self, model: str) -> list[int]:
        """Versions in place, oldest first."""
        try:
            names = [path.name for path in (self._root / model).iterdir() if path.is_dir()]
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isdecimal())

    def place(self, artifact: VerifiedArtifact) -> None:
        """Put the SavedModel of an artifact in place; each file is verified as it is read from the store."""
        manifest = artifact.manifest
        staged = self._incoming / uuid.uuid4().hex
        try:
            folders = {staged}
            for name in artifact.names():
                if name.startswith(SAVED_MODEL):
                    path = staged / name.removeprefix(SAVED_MODEL)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    folders |= {path.parent}
                    _write_synced(path, artifact.read(name))
            for folder in folders:
                _sync(folder)
            place = self._root / manifest.model / str(manifest.version)
            place.parent.mkdir(exist_ok=True)
            self._move_away(place)
            staged.rename(place)
            _sync(place.parent)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def holds(self, artifact: VerifiedArtifact) -> bool:
        """Whether the version in place is byte for byte the artifact's SavedModel."""
        manifest = artifact.manifest
        place = self._root / manifest.model / str(manifest.version)
        expected = {n.removeprefix(SAVED_MODEL): e for n, e in manifest.files.items() if n.startswith(SAVED_MODEL)}
        if not place.is_dir():
            return False
        found = {path.relative_to(place).as_posix(): path for path in place.rglob("*") if path.is_file()}
        if found.keys() != expected.keys():
            return False
        try:
            for name, path in found.items():
                expected[name].check(name, path.read_bytes())
        except (ArtifactRefused, OSError):
            # What rotted or cannot be read is placed anew; anything else is a defect and is told by the caller.
            return False
        return True

    def withdraw(self, model: str, version: int) -> None:
        """Take a version out of place; nothing happens when it is not there."""
        self._move_away(self._root / model / str(version))

    def read_state(self, model: str) -> dict[int, int]:
        """When each version ceased to be needed, in milliseconds; empty when nothing usable is recorded."""
        try:
            raw = json.loads((self._own / f"{model}.retired.json").read_bytes())
            return {int(version): int(moment) for version, moment in raw.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def write_state(self, model: str, retired_at_ms: Mapping[int, int]) -> None:
        """Record when versions ceased to be needed."""
        self._replace(self._own / f"{model}.retired.json", dict(retired_at_ms))

    def write_status(self, status: Mapping[str, Any]) -> None:
        """Replace `.publisher/status.json`, which people and `wayfare status` may read."""
        self._replace(self._own / "status.json", status)

    def _replace(self, path: pathlib.Path, value: Any) -> None:
        draft = self._incoming / uuid.uuid4().hex
        draft.write_text(json.dumps(value, sort_keys=True))
        draft.replace(path)

    def _move_away(self, place: pathlib.Path) -> None:
        gone = self._incoming / uuid.uuid4().hex
        try:
            place.rename(gone)
        except FileNotFoundError:
            return
        shutil.rmtree(gone, ignore_errors=True)


def usable(shelf: Shelf) -> bool:
    """`shelf.take()`, with a folder that cannot be written as StoreUnavailable."""
    try:
        return shelf.take()
    except OSError as error:
        raise StoreUnavailable(f"the folder of models cannot be written: {error}") from error


def _write_synced(path: pathlib.Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
