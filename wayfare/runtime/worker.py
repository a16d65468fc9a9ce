"""The life of a worker: step by step until told to stop, slower while something it needs is away, ended by a defect."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from typing import Protocol

from wayfare.runtime import logs, memory, metrics, shutdown, tracing
from wayfare.runtime.health import Health, serve_admin
from wayfare.runtime.settings import ProcessSettings

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0


class Problems(dict[str, str | None]):
    """What keeps a worker from its work now, by name, or None; any thread may read it."""

    def found(self, what: str, error: Exception) -> None:
        """Keep the reason, and log it when it is news."""
        if self[what] != str(error):
            logs.logger().warning("cannot go on", with_what=what, reason=str(error))
        self[what] = str(error)


class Stepper(Protocol):
    """Work in steps. What a retry can mend a step keeps in `problems`; what it raises is a defect."""

    @property
    def problems(self) -> Problems:
        """Each thing that is needed, and what is wrong with it."""

    def step(self) -> None:
        """Do what is due, in well under a second where nothing is wrong."""


class Worker(Stepper, Protocol):
    """A stepper that can be ended."""

    def close(self) -> None:
        """Finish what was begun and leave."""


def step_until(stop: threading.Event, name: str, stepper: Stepper, every_seconds: float = 0.0) -> None:
    """Step until `stop`, with growing pauses while there is a problem.

    An exception is counted, logged and raised: a defect must not lose the worker's place, so its process ends, and its
    supervisor starts it again from what it had finished. Memory that its bursts have freed is given back now and then.
    """
    pause, given_back = FIRST_PAUSE_SECONDS, time.monotonic()
    while not stop.is_set():
        try:
            stepper.step()
        except Exception:
            metrics.EXCEPTIONS.labels(name).inc()
            logs.logger().exception("step failed", worker=name)
            raise
        if time.monotonic() - given_back >= memory.EVERY_SECONDS:
            memory.give_back()
            given_back = time.monotonic()
        if any(stepper.problems.values()):
            stop.wait(max(every_seconds, pause))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            stop.wait(every_seconds)
            pause = FIRST_PAUSE_SECONDS


def watch(health: Health, problems: Problems) -> None:
    """Not ready while any of the problems stands."""
    for what in problems:
        health.add(what, functools.partial(problems.get, what))


def serve(name: str, settings: ProcessSettings, create: Callable[[], Worker]) -> None:
    """Run one worker as this process until SIGTERM, with its admin port; it has `drain_seconds` to end then."""
    logs.configure(name, settings.log_level)
    tracing.configure(name, settings.otlp_endpoint, settings.trace_share)
    memory.share_one_arena()
    stop = shutdown.stop_on_signals()
    worker = create()
    health = Health()
    watch(health, worker.problems)
    admin = serve_admin(health, settings.admin_host, settings.admin_port)
    logs.logger().info("started", admin_port=admin.server_address[1])
    memory.settle()
    with shutdown.within(stop, settings.drain_seconds):
        step_until(stop, name, worker)
        health.stopping()
        worker.close()
    admin.shutdown()
    admin.server_close()
    logs.logger().info("stopped")
