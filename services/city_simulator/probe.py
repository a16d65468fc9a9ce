"""Measures how long a ping takes to reach a price: from its 202 to the first quote whose window holds it.

About once a second the next ping batch to be acknowledged is taken as the event; from then on quotes are asked for
with short pauses until one's `lineage.window_until` has reached the batch's `received_at`. The delay is wall time; it
is at most one pause and one quote longer than the truth. A quote without a window (a degraded one) does not count.
"""

from __future__ import annotations

import threading
import time

from services.city_simulator.quotes import Quoter
from services.city_simulator.statistics import Statistics
from wayfare.domain.city import Place
from wayfare.domain.errors import InvalidInput
from wayfare.domain.times import parse_rfc3339

GIVES_UP_SECONDS = 30.0


class Probe:
    """One measurement at a time, on a thread of its own."""

    def __init__(
        self,
        quoter: Quoter,
        statistics: Statistics,
        ends: tuple[Place, Place],
        every_seconds: float,
        poll_seconds: float,
    ) -> None:
        self._quoter = quoter
        self._statistics = statistics
        self._ends = ends
        self._every = every_seconds
        self._poll = poll_seconds
        self._wanted = threading.Event()
        self._have = threading.Event()
        self._event: tuple[float, int] = (0.0, 0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)

    def start(self) -> None:
        """Begin to measure, unless switched off."""
        if self._every > 0:
            self._thread.start()

    def acknowledged(self, topic: str, monotonic: float, received_at: str) -> None:
        """Told of every 202, as `Delivery` does."""
        if topic != "driver-pings" or not self._wanted.is_set():
            return
        try:
            self._event = monotonic, parse_rfc3339(received_at)
        except InvalidInput:
            return
        self._wanted.clear()
        self._have.set()

    def close(self) -> None:
        """Stop measuring."""
        self._stop.set()
        self._have.set()
        if self._thread.is_alive():
            self._thread.join(10.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            self._have.clear()
            self._wanted.set()
            if not self._have.wait(GIVES_UP_SECONDS):
                continue
            self._measure(*self._event)
            self._stop.wait(max(0.0, began + self._every - time.monotonic()))

    def _measure(self, since: float, received_ms: int) -> None:
        while not self._stop.is_set():
            quote = self._quoter.once(*self._ends, None)
            waited = time.monotonic() - since
            if quote and quote.window_until_ms is not None and quote.window_until_ms >= received_ms:
                self._statistics.delay(waited)
                return
            if waited > GIVES_UP_SECONDS:
                self._statistics.outcome("event_to_price_not_seen")
                return
            self._stop.wait(self._poll)
