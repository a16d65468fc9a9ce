"""In-memory twin of the store of first answers, for tests and for a single process."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from wayfare.domain.errors import Conflict
from wayfare.domain.idempotency import IN_PROGRESS, Claim, InProgress, KeptAnswer


@dataclass(slots=True)
class _Entry:
    fingerprint: str
    owner: str
    ends: float
    answer: KeptAnswer | None = None


class MemoryIdempotency:
    """Implements IdempotencyStore. Holds at most `capacity` keys, dropping the oldest."""

    def __init__(self, capacity: int = 100_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity, self._clock = capacity, clock
        self._entries: dict[str, _Entry] = {}
        self._owners = itertools.count()
        self._lock = threading.Lock()

    def claim(self, key: str, fingerprint: str, claim_seconds: float) -> Claim | KeptAnswer | InProgress:
        """Claim the key, or tell what holds it."""
        with self._lock:
            now = self._clock()
            entry = self._entries.get(key)
            if entry is None or entry.ends <= now:
                self._entries.pop(key, None)
                owner = str(next(self._owners))
                self._entries[key] = _Entry(fingerprint, owner, now + claim_seconds)
                while len(self._entries) > self._capacity:
                    del self._entries[next(iter(self._entries))]
                return Claim(key, fingerprint, owner)
            if entry.fingerprint != fingerprint:
                raise Conflict("this Idempotency-Key was used with another body, got a different one")
            return entry.answer or IN_PROGRESS

    def keep(self, claim: Claim, answer: KeptAnswer, keep_seconds: float) -> None:
        """Replace the claim by its answer."""
        with self._lock:
            entry = self._entries.get(claim.key)
            if entry and entry.owner == claim.owner:
                entry.answer, entry.ends = answer, self._clock() + keep_seconds

    def release(self, claim: Claim) -> None:
        """Free the key."""
        with self._lock:
            entry = self._entries.get(claim.key)
            if entry and entry.owner == claim.owner:
                del self._entries[claim.key]
