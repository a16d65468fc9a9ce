"""Stopping: SIGTERM and SIGINT ask a worker to finish what it began and leave, and it has so long to do it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from wayfare.runtime import logs

UNFINISHED = 1
"""Exit status of a process that could not finish in time."""


def stop_on_signals() -> threading.Event:
    """An event that is set at the first SIGTERM or SIGINT; a second one ends the process at once."""
    stop = threading.Event()

    def ask(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise SystemExit(128 + number)
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop


@contextlib.contextmanager
def within(stop: threading.Event, drain_seconds: float) -> Iterator[None]:
    """The body has `drain_seconds` to end once `stop` is set; after them the process ends where it stands.

    What a worker needs may be gone for good, and waiting for it must not end in a kill that tells nothing. Ending anywhere
    is harmless: what was not finished is done again by whoever takes over.
    """
    ended = threading.Event()

    def watch() -> None:
        stop.wait()
        if not ended.wait(drain_seconds):
            logs.logger().error("not finished in time; what was begun is left", drain_seconds=drain_seconds)
            os._exit(UNFINISHED)

    threading.Thread(target=watch, name="drain-bound", daemon=True).start()
    try:
        yield
    finally:
        ended.set()
