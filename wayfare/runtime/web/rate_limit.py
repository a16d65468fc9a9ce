"""Token buckets: each key may spend `burst` at once and `per_second` in the long run.

A bucket holds min(burst, level + elapsed x rate); a request takes one. Buckets are kept for the `capacity` keys used
last; a key that was forgotten starts full again, so memory is bounded and nobody is ever limited too early.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable


class RateLimit:
    """Buckets by key. `clock` gives monotonic seconds.

    >>> now = [0.0]
    >>> limit = RateLimit(per_second=1, burst=2, clock=lambda: now[0])
    >>> [limit.take("r-1") for _ in range(3)]
    [0.0, 0.0, 1.0]
    >>> now[0] = 1.0
    >>> limit.take("r-1")
    0.0
    """

    def __init__(
        self,
        per_second: float,
        burst: float,
        capacity: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate, self._burst, self._capacity, self._clock = per_second, burst, capacity, clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: Hashable) -> float:
        """0.0 when the request may go on, else the seconds until the next one may."""
        now = self._clock()
        with self._lock:
            level, at = self._buckets.pop(key, (self._burst, now))
            level = min(self._burst, level + max(0.0, now - at) * self._rate)
            allowed = level >= 1.0
            self._buckets[key] = (level - 1.0 if allowed else level, now)
            if len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - level) / self._rate


def retry_after(seconds: float) -> str:
    """The value of a `Retry-After` header: whole seconds, at least one."""
    return str(max(1, math.ceil(seconds)))
