"""What a demo needs before its actor begins: history in Hive, and a published model. Done once, reused afterwards."""

from __future__ import annotations

import pathlib
import subprocess
import sys
from collections.abc import Callable, Mapping

from local.demo.clocks import REPLAY_START

TRIPS_FILE = "sf_cab_trips_2008.parquet"

Say = Callable[[str, str], None]


def run(name: str, command: list[str], environment: Mapping[str, str], say: Say) -> None:
    """Run a command of this project, telling its lines as progress; RuntimeError with its last lines when it fails."""
    say(name, "starting")
    last: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.strip():
                    say(name, line.rstrip())
                    last = [*last[-20:], line.rstrip()]
            status = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
    if status:
        raise RuntimeError(f"{' '.join(command)} failed: " + "\n".join(last) + f"\ngot exit status {status}")


def history(city: str, replay: pathlib.Path | None, environment: Mapping[str, str], say: Say) -> None:
    """Load the history that precedes the live time: simulated, or the trips recorded beside the replayed fixes."""
    command = ["pipelines.history.main", city]
    if replay is not None:
        trips = replay.with_name(TRIPS_FILE)
        if not trips.exists():
            raise RuntimeError(f"the replay's history is read from {TRIPS_FILE} beside it, got no {trips}")
        command += ["--trips", str(trips), "--before", REPLAY_START]
    run("history", command, environment, say)


def model(city: str, environment: Mapping[str, str], say: Say) -> None:
    """Train the surge model unless a usable artifact is stored, and publish it; the publisher must run."""
    run("train", ["wayfare.cli.main", "train", "surge", "--city", city, "--reuse"], environment, say)
    run("publish", ["wayfare.cli.main", "publish", f"surge-{city}"], environment, say)
