"""Ticks: what moves time in the log when nothing else does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from wayfare.domain.city import Registry
from wayfare.domain.errors import WayfareError
from wayfare.domain.streams.log import EventLog
from wayfare.runtime import logs
from wayfare.runtime.metrics import EXCEPTIONS

TICKED_TOPICS = ("driver-pings", "ride-requests")
SILENT_SECONDS = 10.0


class Ticker:
    """Sends each city's clock to every partition of the ticked topics once in `every_seconds`, on a daemon thread.

    Its success is this process's proof that the log can be written. `wall` gives wall milliseconds, `clock` monotonic
    seconds.
    """

    def __init__(
        self,
        log: EventLog,
        registry: Callable[[], Registry],
        wall: Callable[[], int],
        every_seconds: float = 1.0,
        topics: Sequence[str] = TICKED_TOPICS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._registry, self._wall, self._clock = log, registry, wall, clock
        self._every, self._topics = every_seconds, topics
        self._acknowledged: float | None = None
        self._problem = "no tick has been acknowledged by the log yet"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """Tick no more; waits for a tick under way, but not for ever."""
        self._stop.set()
        self._thread.join(timeout=5.0)

    def tick(self) -> bool:
        """One round; False, and the reason in `ready`, when the log did not take it."""
        wall = self._wall()
        clocks = {city.id: city.clock.at(wall) for city in self._registry()}
        try:
            for topic in self._topics:
                self._log.tick(topic, clocks)
        except WayfareError as error:
            if self._problem != str(error):
                logs.logger().warning("tick not acknowledged", reason=str(error))
            self._problem = str(error)
            return False
        self._acknowledged = self._clock()
        self._problem = ""
        return True

    def ready(self) -> str | None:
        """A readiness check: not ready while no tick has been acknowledged for a while."""
        if self._acknowledged is not None and self._clock() - self._acknowledged <= SILENT_SECONDS + self._every:
            return None
        return self._problem or f"no tick has been acknowledged for more than {SILENT_SECONDS:.0f} s"

    def _run(self) -> None:
        due = self._clock()
        while not self._stop.is_set():
            try:
                self.tick()
            except Exception:
                # A ticker that dies stops time for the whole city.
                EXCEPTIONS.labels("ticker").inc()
                logs.logger().exception("tick failed")
            due = max(due + self._every, self._clock())
            self._stop.wait(due - self._clock())
