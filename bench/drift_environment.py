"""The peers of the drift benchmarks in an environment of their own: they pin what the product does not."""

from __future__ import annotations

import json
import pathlib
import subprocess

from bench.peer_environment import python

LOCK = pathlib.Path(__file__).with_name("drift_peers.txt")
RUNNER = pathlib.Path(__file__).with_name("drift_peers.py")


def ask(what: str, streams: pathlib.Path, **more: object) -> dict:
    """Run the peers on stored streams; gives what they answer."""
    done = subprocess.run(
        [python(LOCK), RUNNER, what, streams, json.dumps(more)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])
