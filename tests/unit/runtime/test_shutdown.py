"""A stopping process has so long to finish, and is gone after that, whatever it waits for."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

PROCESS = """
import threading, time
from wayfare.runtime import logs
from wayfare.runtime.shutdown import stop_on_signals, within
logs.configure("waiting", "info")
stop = stop_on_signals()
with within(stop, 0.5):
    print("up", flush=True)
    stop.wait()
    {then}
print("left", flush=True)
"""


def stopped(then: str) -> tuple[int, str, float]:
    """(exit status, what it printed, seconds) of a process that is told to stop and then does `then`."""
    command = [sys.executable, "-c", PROCESS.format(then=then)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        printed, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    return process.returncode, printed, time.monotonic() - began


@pytest.mark.parametrize("then", ["time.sleep(60)", "threading.Event().wait()"])
def test_one_that_waits_for_something_that_is_gone_ends_in_time_and_says_so(then):
    status, printed, seconds = stopped(then)
    assert status == 1
    assert "not finished in time" in printed
    assert "left" not in printed.splitlines()
    assert seconds >= 0.5


def test_one_that_finishes_in_time_leaves_by_itself():
    status, printed, _seconds = stopped("pass")
    assert (status, printed.strip()) == (0, "left")
