"""Where a model came from: the hash of its input files, and the commit of the code."""

from __future__ import annotations

import hashlib
import pathlib
import subprocess

from pipelines.history.loaded import file_hash

TABLES = ("trips", "panes", "weather", "predictions")


def data_snapshot(lake: pathlib.Path, city: str) -> str:
    """SHA-256 over the paths and hashes of the lake's files of a city that training reads."""
    digest = hashlib.sha256()
    files = [path for table in TABLES for path in (lake / table / f"city={city}").glob("day=*/*.parquet")]
    files += list((lake / "place_kinds").glob(f"{city}.parquet"))
    for path in sorted(files):
        digest.update(f"{path.relative_to(lake)} {file_hash(path)}\n".encode())
    return digest.hexdigest()


def code_commit() -> str:
    """The commit of the code that runs, with `+changes` when files differ from it; `unknown` outside a checkout."""
    root = pathlib.Path(__file__).parents[2]
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return f"{commit}+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(root: pathlib.Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10.0
    )
    return done.stdout.strip()
