"""A model artifact: versions, the manifest, which files may be in it, and when it is refused.

An artifact is a folder `<model>/<YYYYMMDD>/<n>/`. `manifest.json` names the model and version (so that a folder cannot
be put in the place of another) and every file with its SHA-256 and size; `manifest.sig` is a trainer's signature over
the manifest's bytes. Nothing in the folder is used unless the manifest vouches for it. No file is a pickle or any
other format that runs code when it is opened.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from wayfare.domain.errors import ArtifactRefused, InvalidInput
from wayfare.domain.ids import is_id
from wayfare.domain.models.signed import SCHEMA, Refusal, Signer, Trusted, canonical, check_signature, parse_object

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
SAVED_MODEL = "saved_model/"
MAX_PER_DAY = 999

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_SAFE_KINDS = (".json", ".npz", ".npy", ".html", ".md", ".txt", ".csv", ".onnx")
_SAVED_MODEL_FILE = re.compile(
    r"saved_model/(saved_model\.pb|fingerprint\.pb|keras_metadata\.pb"
    r"|variables/variables\.(index|data-\d{5}-of-\d{5})|assets(\.extra)?/[A-Za-z0-9_][A-Za-z0-9._-]*)\Z"
)
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def version_of(day: dt.date, number: int) -> int:
    """The served version of the n-th artifact of a day.

    >>> version_of(dt.date(2026, 11, 21), 3)
    20261121003
    """
    if not 1 <= number <= MAX_PER_DAY:
        raise InvalidInput(f"a day has artifacts 1 to {MAX_PER_DAY}, got {number}")
    return int(day.strftime("%Y%m%d")) * 1000 + number


def folder_of(model: str, version: int) -> str:
    """Where a version lies in a store; InvalidInput for a name or version that cannot exist.

    >>> folder_of("surge-sf", 20261121003)
    'surge-sf/20261121/3'
    """
    check_model(model)
    day, number = divmod(version, 1000)
    try:
        dt.datetime.strptime(str(day), "%Y%m%d")
    except ValueError as error:
        raise InvalidInput(f"a version is YYYYMMDD * 1000 + n, got {version}") from error
    if number == 0 or len(str(day)) != 8:
        raise InvalidInput(f"a version is YYYYMMDD * 1000 + n with n from 1, got {version}")
    return f"{model}/{day}/{number}"


def check_model(model: str) -> str:
    """The model's name when it is one, else InvalidInput."""
    if not is_id(model) or not _PART.match(model):
        raise InvalidInput(f"a model is named like surge-sf, got {model[:80]!r}")
    return model


def check_file(name: str) -> str:
    """The name of a file that an artifact may hold, else ArtifactRefused.

    Refuses absolute and climbing paths, hidden files, and every kind of file that is not on the list of safe kinds.

    >>> check_file("saved_model/variables/variables.index")
    'saved_model/variables/variables.index'
    """
    parts = name.split("/")
    if not all(_PART.match(part) for part in parts) or len(parts) > 8:
        raise ArtifactRefused(f"not a plain relative path inside an artifact, got {name[:120]!r}", "files")
    if name in (MANIFEST, SIGNATURE):
        raise ArtifactRefused(f"the manifest and its signature are not listed in the manifest, got {name!r}", "files")
    allowed = _SAVED_MODEL_FILE.match(name) if parts[0] == "saved_model" else name.endswith(_SAFE_KINDS)
    if not allowed:
        kinds = " ".join(_SAFE_KINDS)
        raise ArtifactRefused(f"an artifact holds a SavedModel and files of kind {kinds}, got {name[:120]!r}", "files")
    return name


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file: SHA-256 in hexadecimal, size in bytes."""

    sha256: str
    size: int

    def check(self, name: str, data: bytes) -> bytes:
        """The bytes, when they are the ones that were signed; ArtifactRefused otherwise."""
        if len(data) != self.size or hashlib.sha256(data).hexdigest() != self.sha256:
            raise ArtifactRefused(f"the bytes of this file are not the ones that were signed, got {name!r}", "hash")
        return data


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an artifact is and where it came from.

    created: RFC 3339 wall time. data_snapshot: hash of the immutable input files' paths and hashes. code_commit: of
    the code that trained it. parameters, metrics: JSON values for people and reports.
    """

    model: str
    version: int
    created: str
    files: Mapping[str, FileEntry]
    data_snapshot: str
    code_commit: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """The bytes that are stored as manifest.json and signed."""
        return canonical({"schema": SCHEMA, **asdict(self)})


def read_manifest(data: bytes, signature: bytes, model: str, version: int, trusted: Trusted) -> Manifest:
    """Verify the signature, then parse and check; ArtifactRefused says what is wrong."""
    signed = parse_object(signature, SIGNATURE, "signature")
    check_signature(data, signed.get("kid"), signed.get("signature"), "manifest", trusted)
    raw = parse_object(data, MANIFEST, "manifest")
    if raw.get("schema") != SCHEMA:
        raise ArtifactRefused(f"a manifest of schema {SCHEMA} is needed, got {raw.get('schema')!r}", "manifest")
    if (raw.get("model"), raw.get("version")) != (model, version):
        said = f"{raw.get('model')} {raw.get('version')}"
        raise ArtifactRefused(f"the artifact found for {model} {version} says that it is another, got {said}", "path")
    try:
        files = {check_file(name): FileEntry(str(e["sha256"]), int(e["size"])) for name, e in raw["files"].items()}
        manifest = Manifest(
            model=model,
            version=version,
            created=str(raw["created"]),
            files=files,
            data_snapshot=str(raw["data_snapshot"]),
            code_commit=str(raw["code_commit"]),
            parameters=dict(raw["parameters"]),
            metrics=dict(raw["metrics"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtifactRefused(f"the manifest of {model} {version} is not usable: {error!r}", "manifest") from error
    for name, entry in files.items():
        if not _SHA256.match(entry.sha256) or entry.size < 0:
            raise ArtifactRefused(f"the manifest's entry of {name} is not usable, got {entry}", "manifest")
    return manifest


def check_listing(manifest: Manifest, found: Mapping[str, int]) -> None:
    """ArtifactRefused unless the folder holds exactly the manifest's files. found: name -> size, all files seen."""
    present = {name: size for name, size in found.items() if name not in (MANIFEST, SIGNATURE)}
    where = f"{manifest.model} {manifest.version}"
    if extra := sorted(present.keys() - manifest.files.keys()):
        raise ArtifactRefused(f"{where} holds files that its manifest does not name, got {extra[:5]}", "files")
    if missing := sorted(manifest.files.keys() - present.keys()):
        raise ArtifactRefused(f"{where} lacks files that its manifest names, got {missing[:5]}", "files")
    if changed := sorted(name for name, size in present.items() if manifest.files[name].size != size):
        raise ArtifactRefused(f"{where} holds files of another size than was signed, got {changed[:5]}", "hash")


def entries_of(contents: Mapping[str, bytes]) -> dict[str, FileEntry]:
    """The manifest's entries for files to be written; ArtifactRefused for a name or kind that is not allowed."""
    if not contents:
        raise ArtifactRefused("an artifact has at least one file, got none", "files")
    return {check_file(name): FileEntry(hashlib.sha256(data).hexdigest(), len(data)) for name, data in contents.items()}


class VerifiedArtifact(Protocol):
    """An artifact whose signature, path and listing hold. Contents are checked as they are read."""

    @property
    def manifest(self) -> Manifest:
        """The signed manifest."""

    def names(self) -> list[str]:
        """All files, in order."""

    def read(self, name: str) -> bytes:
        """The signed bytes of a file; ArtifactRefused when it is not in the manifest or was altered, StoreUnavailable
        when the store does not answer."""


class Artifacts(Protocol):
    """The store of artifacts and of the signed pointers to them, as trainers, publishers and front ends use it.

    Every method may raise StoreUnavailable; those that verify raise ArtifactRefused.
    """

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
        """Sign and store the files of a folder as the day's next artifact; its version. A reader sees all or nothing."""

    def open(self, model: str, version: int, trusted: Trusted) -> VerifiedArtifact:
        """The artifact, once signature, path and listing are verified."""

    def versions(self, model: str) -> list[int]:
        """Complete artifacts in the store, oldest first; nothing about them is verified."""

    def models(self) -> list[str]:
        """Models that have releases, by name."""

    def releases(self, model: str, trusted: Trusted) -> dict[str, int]:
        """What is wished for: label -> version; empty when nothing was ever released."""

    def labels(self, model: str, trusted: Trusted) -> dict[str, int]:
        """What is verified and served: label -> version; empty when nothing was ever published."""

    def write_releases(self, model: str, versions: Mapping[str, int], signer: Signer) -> None:
        """Replace the wish."""

    def write_labels(self, model: str, versions: Mapping[str, int], signer: Signer) -> None:
        """Replace the fact."""

    def refusals(self, model: str, trusted: Trusted) -> dict[str, Refusal]:
        """What is wished for and was refused, by label."""

    def write_refusals(self, model: str, refused: Mapping[str, Refusal], signer: Signer) -> None:
        """Replace the list of refusals."""

    def fingerprint(self, model: str, version: int) -> str:
        """Changes whenever a file of the artifact, or the model's releases, is written; nothing is verified."""
