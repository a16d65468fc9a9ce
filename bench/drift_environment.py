"""The peers of the drift benchmarks in an environment of their own: they pin what the product does not."""

from __future__ import annotations

import hashlib
import json
import pathlib
import subprocess
import sys

from local.layout import default_cache

LOCK = pathlib.Path(__file__).with_name("drift_peers.txt")
RUNNER = pathlib.Path(__file__).with_name("drift_peers.py")


def python() -> pathlib.Path:
    """The interpreter of that environment; made once per lock, from hashed requirements."""
    name = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    folder = default_cache() / "bench" / f"drift-peers-{name}"
    found = folder / "bin" / "python"
    if not (folder / "ready").exists():
        uv = pathlib.Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--require-hashes", "--python", found, "-r", LOCK], check=True)
        (folder / "ready").touch()
    return found


def ask(what: str, streams: pathlib.Path, **more: object) -> dict:
    """Run the peers on stored streams; gives what they answer."""
    done = subprocess.run(
        [python(), RUNNER, what, streams, json.dumps(more)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])
