"""A steady rate of price checks, so that quotes flow whatever riders do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from wayfare.domain.city import Place

Asked = tuple[Place, Place, str | None]
"""Pickup, drop-off, and the rider who asks, if any."""

MOST_AT_ONCE = 20
"""Checks made up for at once after a pause; older ones are forgotten."""


class Checker(Protocol):
    """Who answers price checks."""

    def check(self, pickup: Place, dropoff: Place, rider: str | None) -> None: ...


class PriceChecks:
    """Asks for `per_second` quotes a second of wall time, with ends that `whose` gives for a running number."""

    def __init__(self, quoter: Checker, per_second: float, whose: Callable[[int], Asked | None]) -> None:
        self._quoter = quoter
        self._per_second = per_second
        self._whose = whose
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="price-checks", daemon=True)

    def start(self) -> None:
        """Begin to ask, unless the rate is zero."""
        if self._per_second > 0:
            self._thread.start()

    def close(self) -> None:
        """Stop asking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        began, done = time.monotonic(), 0
        while not self._stop.is_set():
            due = int((time.monotonic() - began) * self._per_second)
            done = max(done, due - MOST_AT_ONCE)
            while done < due:
                asked = self._whose(done)
                if asked is not None:
                    self._quoter.check(*asked)
                done += 1
            self._stop.wait(max(0.005, began + (done + 1) / self._per_second - time.monotonic()))
