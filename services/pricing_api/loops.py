"""Threads that do one thing again and again until the process stops."""

from __future__ import annotations

import threading
from collections.abc import Callable

from wayfare.runtime import logs
from wayfare.runtime.metrics import EXCEPTIONS


class Loops:
    """Starts loops; `stop` ends them all and waits for them."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, every_s: float, step: Callable[[], None]) -> None:
        """Call `step` every `every_s` seconds, beginning now; a step that fails unexpectedly is counted and logged."""

        def run() -> None:
            while not self._stopping.is_set():
                try:
                    step()
                except Exception as error:
                    EXCEPTIONS.labels(name).inc()
                    logs.logger().error("a background step failed", step=name, exc_info=error)
                self._stopping.wait(every_s)

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, timeout_s: float) -> None:
        """Ask all loops to end and wait for each at most `timeout_s`."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout_s)
