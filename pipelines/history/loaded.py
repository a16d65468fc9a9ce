"""What was loaded into the lake from where: one small file per city and origin, so that nothing is loaded twice."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Loaded:
    """One load. key: what it was made from (seed, definition, input hash). end_ms: city time that it ends before.

    rows: by table. files: relative to the lake. reused: True when the lake held it already.
    """

    city: str
    origin: str
    key: Mapping[str, Any]
    end_ms: int
    rows: Mapping[str, int]
    files: Sequence[str]
    reused: bool = False


def _note(lake: pathlib.Path, city: str, origin: str) -> pathlib.Path:
    return lake / "_loaded" / f"{city}-{origin}.json"


def find(lake: pathlib.Path, city: str, origin: str) -> Loaded | None:
    """The last load of this origin whose files are all still there, whatever its key."""
    try:
        raw = json.loads(_note(lake, city, origin).read_text())
        found = Loaded(**(raw | {"reused": True}))
    except (OSError, ValueError, TypeError):
        return None
    return found if all((lake / name).exists() for name in found.files) else None


def remember(lake: pathlib.Path, loaded: Loaded) -> None:
    """Note a load, and remove files of the last one that it replaces."""
    path = _note(lake, loaded.city, loaded.origin)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        before = set(json.loads(path.read_text())["files"])
    except (OSError, ValueError, KeyError):
        before = set()
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(asdict(loaded), indent=1))
    draft.replace(path)
    for name in before - set(loaded.files):
        (lake / name).unlink(missing_ok=True)


def file_hash(path: pathlib.Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
