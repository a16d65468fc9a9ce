"""Environments of benchmarks' peers: they pin what the product does not, so each lock is one environment of its own."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import subprocess
import sys
from typing import Any

from local.layout import default_cache

ROOT = pathlib.Path(__file__).parents[1]
STREAM_PEERS = pathlib.Path(__file__).with_name("stream_peers.txt")


def python(lock: pathlib.Path) -> pathlib.Path:
    """The interpreter of a lock's environment; made once per lock, from hashed requirements."""
    name = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = default_cache() / "bench" / f"{lock.stem.replace('_', '-')}-{name}"
    found = folder / "bin" / "python"
    if not (folder / "ready").exists():
        uv = pathlib.Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--require-hashes", "--python", found, "-r", lock], check=True)
        (folder / "ready").touch()
    return found


def measure(module: str, *arguments: object) -> Any:
    """What a module of this folder prints as its last line, as JSON, when it is run beside the peers of the streams.

    The domain needs NumPy alone, so both sides of a comparison run in that one process.
    """
    done = subprocess.run(
        [python(STREAM_PEERS), "-m", f"bench.{module}", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])
