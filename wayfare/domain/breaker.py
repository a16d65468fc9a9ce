"""A circuit breaker: after several failures in a row a dependency is left alone for a while.

A dependency that hangs costs every caller its whole timeout. The breaker lets `failures` callers pay; after that, calls
are refused at once until `rest_s` has passed, when one caller may try. One success closes it again. State changes
are guarded by a lock that is never held during the call itself, so a hanging call blocks nobody else. Pattern: M. Nygard,
Release It! (2nd ed., 2018), ch. 5.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Breaker:
    """Guards one dependency. monotonic_s: a clock in seconds that never goes back.

    >>> now = [0.0]
    >>> breaker = Breaker(failures=2, rest_s=5.0, monotonic_s=lambda: now[0])
    >>> breaker.failed(); breaker.failed(); breaker.allows()
    False
    >>> now[0] = 5.0; breaker.allows(), breaker.allows()
    (True, False)
    >>> breaker.succeeded(); breaker.allows()
    True
    """

    def __init__(self, failures: int, rest_s: float, monotonic_s: Callable[[], float]) -> None:
        self._limit = failures
        self._rest_s = rest_s
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._retry_at = 0.0

    @property
    def is_open(self) -> bool:
        """True while calls are refused, but for the one that tries."""
        return self._in_a_row >= self._limit

    def allows(self) -> bool:
        """Whether a call may be made now; while open, True once per `rest_s`."""
        if self._in_a_row < self._limit:
            return True
        with self._lock:
            now = self._monotonic_s()
            if now < self._retry_at:
                return False
            self._retry_at = now + self._rest_s
            return True

    def succeeded(self) -> None:
        """The dependency answered."""
        if self._in_a_row:
            with self._lock:
                self._in_a_row = 0

    def failed(self) -> None:
        """The dependency failed or did not answer in time."""
        with self._lock:
            self._in_a_row += 1
            self._retry_at = self._monotonic_s() + self._rest_s
