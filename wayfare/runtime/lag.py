"""How far readers of the log are behind: records between its end and the newest whose effect is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wayfare.runtime import metrics

EVERY_SECONDS = 10.0
"""Asking the brokers for their ends costs a round trip; alerts look at minutes."""
WITHIN_SECONDS = 2.0
"""Longest wait for that answer, well below what a group allows between two polls."""


class ConsumerLag:
    """Sets `wayfare_consumer_lag_records` of each partition, every EVERY_SECONDS. Used by one thread."""

    def __init__(self) -> None:
        self._at = -1e9

    def measure(
        self,
        now_seconds: float,
        ends: Callable[[float], Mapping[Any, int]],
        kept: Callable[[Any], int | None],
    ) -> None:
        """Measure if it is time to; LogUnavailable from `ends` goes through.

        ends: within so many seconds, the offset after the newest record by (topic, partition). kept: the offset after the
        newest record whose effect is kept, None for a partition that is no longer this reader's.
        """
        if now_seconds - self._at < EVERY_SECONDS:
            return
        self._at = now_seconds
        for place, end in ends(WITHIN_SECONDS).items():
            until = kept(place)
            if until is not None:
                topic, partition = place
                metrics.CONSUMER_LAG.labels(topic, str(partition)).set(max(0, end - until))
