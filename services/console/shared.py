"""Answers that many viewers share: read again at most once in a while, by one of those who ask."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Keeps the newest answer of each key for `seconds`; while one caller reads it anew, others of that key wait for it."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._locks: dict[Hashable, threading.Lock] = {}
        self._kept: dict[Hashable, tuple[float, T]] = {}

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """The answer of a key; keys are few, such as cities. An exception is raised to those who waited, and not kept."""
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            kept = self._kept.get(key)
            if kept and self._clock() - kept[0] < self._seconds:
                return kept[1]
            answer = read()
            self._kept[key] = (self._clock(), answer)
            return answer
