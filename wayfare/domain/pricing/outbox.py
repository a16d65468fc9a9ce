"""Which buckets of intents to look at: every bucket until it is empty and no intent can be written to it any more."""

from __future__ import annotations

from wayfare.domain.pricing.ledger import bucket_of
from wayfare.domain.times import MINUTE_MS


class OpenBuckets:
    """Progress through the outbox, rebuilt from nothing at every start: intents themselves tell what is unfinished.

    writable_ms: how long after its start a bucket may still be written to (clocks of front ends differ). keep_ms: how
    long intents live at all; older buckets are not looked at. Buckets of the last two minutes are looked at every time,
    others that are open every `again_ms`, and of those behind `start` the newest first, so that a backlog never holds
    up what was booked just now.

    >>> buckets = OpenBuckets(0, writable_ms=600_000, keep_ms=604_800_000, again_ms=10_000)
    >>> buckets.due(60_000, most_old=0)
    [60000, 0]
    """

    def __init__(self, start_ms: int, writable_ms: int, keep_ms: int, again_ms: int) -> None:
        self._writable_ms = writable_ms
        self._again_ms = again_ms
        newest = bucket_of(start_ms)
        self._looked: dict[int, int] = {}
        self._next = newest + MINUTE_MS
        self._old = list(range(max(0, newest - keep_ms), newest - writable_ms, MINUTE_MS))
        for bucket in range(max(0, newest - writable_ms), newest + 1, MINUTE_MS):
            self._looked[bucket] = -again_ms

    def due(self, now_ms: int, most_old: int) -> list[int]:
        """The buckets to look at now, newest first; at most `most_old` of those never looked at from before the start."""
        newest = bucket_of(now_ms)
        while self._next <= newest:
            self._looked[self._next] = -self._again_ms
            self._next += MINUTE_MS
        found = [
            bucket
            for bucket, at in sorted(self._looked.items(), reverse=True)
            if bucket >= newest - MINUTE_MS or now_ms - at >= self._again_ms
        ]
        taken = [self._old.pop() for _ in range(min(most_old, len(self._old)))]
        return found + taken

    def looked(self, bucket: int, now_ms: int, left: int) -> None:
        """A bucket was looked at, and `left` intents stay in it."""
        if left == 0 and now_ms > bucket + MINUTE_MS + self._writable_ms:
            self._looked.pop(bucket, None)
        else:
            self._looked[bucket] = now_ms

    @property
    def backlog(self) -> int:
        """Buckets from before the start that were not looked at yet."""
        return len(self._old)
