"""The artifact store in memory, for tests and experiments: the same rules, on dictionaries."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wayfare.adapters.file_artifact_folder import read_folder
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
from wayfare.domain.models.signed import PointerKind, Pointers, Refusal, Signer, Trusted, read_pointers, signature_text
from wayfare.domain.times import format_rfc3339


class MemoryArtifacts:
    """`files` holds every byte by path, for a test to alter; `broken = True` is an outage."""

    def __init__(self, now_ms: int = 1_795_000_000_000) -> None:
        self.files: dict[str, bytes] = {}
        self.broken = False
        self._now_ms = now_ms
        self._serial = 0
        self._claimed: dict[tuple[str, dt.date], int] = {}
        self._seen: dict[tuple[str, str], int] = {}

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
        created = format_rfc3339(self._now_ms)
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

    def releases(self, model: str, trusted: Trusted) -> dict[str, int]:
        """What is wished for: label -> version."""
        return dict(self._read("releases", model, trusted).versions)

    def labels(self, model: str, trusted: Trusted) -> dict[str, int]:
        """What is verified and served: label -> version."""
        return dict(self._read("labels", model, trusted).versions)

    def refusals(self, model: str, trusted: Trusted) -> dict[str, Refusal]:
        """What is wished for and was refused, by label."""
        return self._read("refusals", model, trusted).refused()

    def write_releases(self, model: str, versions: Mapping[str, int], signer: Signer) -> None:
        """Replace the wish."""
        self._write("releases", model, versions, {}, signer)

    def write_labels(self, model: str, versions: Mapping[str, int], signer: Signer) -> None:
        """Replace the fact."""
        self._write("labels", model, versions, {}, signer)

    def write_refusals(self, model: str, refused: Mapping[str, Refusal], signer: Signer) -> None:
        """Replace the list of refusals."""
        versions = {label: refusal.version for label, refusal in refused.items()}
        reasons = {label: f"{refusal.fingerprint} {refusal.why}" for label, refusal in refused.items()}
        self._write("refusals", model, versions, reasons, signer)

    def fingerprint(self, model: str, version: int) -> str:
        """Changes whenever a file of the artifact, or the model's releases, is written; nothing is verified."""
        self._answering()
        start, wish = folder_of(model, version) + "/", f"{model}/releases.json"
        seen = [item for item in sorted(self.files.items()) if item[0].startswith(start) or item[0] == wish]
        return hashlib.sha256(repr(seen).encode()).hexdigest()

    def _read(self, kind: PointerKind, model: str, trusted: Trusted) -> Pointers:
        self._answering()
        data = self.files.get(f"{check_model(model)}/{kind}.json")
        if data is None:
            return Pointers(kind, model, {}, 0, "")
        pointers = read_pointers(data, kind, model, trusted, self._seen.get((kind, model), 0))
        self._seen[kind, model] = pointers.serial
        return pointers

    def _write(
        self,
        kind: PointerKind,
        model: str,
        versions: Mapping[str, int],
        reasons: Mapping[str, str],
        signer: Signer,
    ) -> None:
        self._answering()
        self._serial += 1
        pointers = Pointers(kind, check_model(model), versions, self._serial, format_rfc3339(self._now_ms), reasons)
        self.files[f"{model}/{kind}.json"] = pointers.to_bytes(signer)

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
