"""Orphans are found by their marks, and nothing else is touched."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil
import pytest

from local import reap

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def start():
    """Starts a sleeping process that ignores SIGTERM, with these variables; whatever is left at the end is killed."""
    started = []

    def begin(**variables: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", STUBBORN], env={**os.environ, **variables}, stdout=subprocess.PIPE
        )
        process.stdout.readline()
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_only_processes_of_this_installation_are_ended(start, tmp_path):
    mine = start(WAYFARE_STATE=str(tmp_path), WAYFARE_PROCESS="redis")
    neighbour = start(WAYFARE_STATE=str(tmp_path / "other"), WAYFARE_PROCESS="redis")
    shell = start(WAYFARE_STATE=str(tmp_path))
    assert reap.end(tmp_path, timeout_seconds=0.2) == ["redis"]
    assert not psutil.pid_exists(mine.pid)
    assert neighbour.poll() is None
    assert shell.poll() is None


def test_this_process_and_its_parents_are_never_found(tmp_path):
    script = "import pathlib, sys; from local import reap; print(len(reap.marked(pathlib.Path(sys.argv[1]))))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "WAYFARE_STATE": str(tmp_path), "WAYFARE_PROCESS": "demo"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "0"
