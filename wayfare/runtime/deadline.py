"""One deadline per request: every hop takes its timeout from what is left."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """A moment by which an answer must be given, on a monotonic clock.

    >>> now = [10.0]
    >>> deadline = Deadline(0.25, lambda: now[0])
    >>> now[0] += 0.2
    >>> round(deadline.remaining(), 3), round(deadline.remaining(at_most=0.02), 3), deadline.passed
    (0.05, 0.02, False)
    """

    __slots__ = ("_clock", "_ends")

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends = clock() + seconds

    def remaining(self, at_most: float | None = None) -> float:
        """Seconds left, never negative; `at_most` bounds one hop."""
        left = max(0.0, self._ends - self._clock())
        return left if at_most is None else min(left, at_most)

    @property
    def passed(self) -> bool:
        """True when no time is left."""
        return self._clock() >= self._ends
