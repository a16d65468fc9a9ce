"""The artifact store in memory, for tests and experiments: the same rules, on dictionaries."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wayfare.adapters.file_artifact_folder import read_folder
from wayfare.adapters.signed_pointers import SignedPointers
from wayfare.domain.errors import ArtifactRefused, StoreUnavailable
from wayfare.domain.models.artifact import (
    MANIFEST,
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


class MemoryArtifacts(SignedPointers):
    """`files` holds every byte by path, for a test to alter; `broken = True` is an outage."""

    def __init__(self, now_ms: int = 1_795_000_000_000) -> None:
        super().__init__(lambda: now_ms)
        self.files: dict[str, bytes] = {}
        self.broken = False
        self._claimed: dict[tuple[str, dt.date], int] = {}

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
        """Sign and keep the files of a folder as the day's next artifact; its version."""
        self._answering()
        check_model(model)
        contents = read_folder(folder)
        entries = entries_of(contents)
        number = self._claimed[model, day] = self._claimed.get((model, day), 0) + 1
        version = version_of(day, number)
        created = format_rfc3339(self._clock_ms())
        manifest = Manifest(model, version, created, entries, data_snapshot, code_commit, parameters, metrics)
        data = manifest.to_bytes()
        contents |= {MANIFEST: data, SIGNATURE: signature_text(data, signer)}
        self.files |= {f"{folder_of(model, version)}/{name}": each for name, each in contents.items()}
        return version

    def open(self, model: str, version: int, trusted: Trusted) -> MemoryArtifact:
        """The artifact, once signature, path and listing are verified."""
        self._answering()
        start = folder_of(model, version) + "/"
        inside = {name.removeprefix(start): data for name, data in self.files.items() if name.startswith(start)}
        if not inside.keys() >= {MANIFEST, SIGNATURE}:
            raise ArtifactRefused(f"no complete artifact is there, got {model} {version}", "signature")
        manifest = read_manifest(inside[MANIFEST], inside[SIGNATURE], model, version, trusted)
        check_listing(manifest, {name: len(data) for name, data in inside.items()})
        return MemoryArtifact(self, start, manifest)

    def versions(self, model: str) -> list[int]:
        """Complete artifacts, oldest first; nothing about them is verified."""
        self._answering()
        parts = [name.split("/") for name in self.files if name.endswith("/" + SIGNATURE)]
        return sorted(int(day) * 1000 + int(number) for owner, day, number, _ in parts if owner == check_model(model))

    def models(self) -> list[str]:
        """Models that have releases, by name."""
        self._answering()
        return sorted(name.split("/")[0] for name in self.files if name.endswith("/releases.json"))

    def fingerprint(self, model: str, version: int) -> str:
        """Changes whenever a file of the artifact, or the model's releases, is written; nothing is verified."""
        self._answering()
        start, wish = folder_of(model, version) + "/", f"{model}/releases.json"
        seen = [item for item in sorted(self.files.items()) if item[0].startswith(start) or item[0] == wish]
        return hashlib.sha256(repr(seen).encode()).hexdigest()

    def _read_file(self, name: str) -> bytes | None:
        self._answering()
        return self.files.get(name)

    def _replace_file(self, name: str, data: bytes) -> None:
        self._answering()
        self.files[name] = data

    def _answering(self) -> None:
        if self.broken:
            raise StoreUnavailable("the artifact store is broken on purpose")


class MemoryArtifact:
    """A verified artifact in memory."""

    def __init__(self, store: MemoryArtifacts, start: str, manifest: Manifest) -> None:
        self._store = store
        self._start = start
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
        self._store._answering()
        if name not in self._manifest.files:
            raise ArtifactRefused(f"{self._manifest.model} has no such file, got {name!r}", "files")
        data = self._store.files.get(self._start + name)
        if data is None:
            raise ArtifactRefused(f"{self._manifest.model} has lost a file, got {name!r}", "files")
        return self._manifest.files[name].check(name, data)
