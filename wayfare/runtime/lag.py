"""How far readers of the log are behind: records between its end and the newest whose effect is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wayfare.domain.errors import LogUnavailable
from wayfare.runtime import metrics
from wayfare.runtime.worker import Problems

EVERY_SECONDS = 10.0
"""Asking the brokers for their ends costs a round trip; alerts look at minutes."""
AGAIN_SECONDS = 1.0
"""How soon to ask brokers again that did not answer: until they do, the process is not ready."""
WITHIN_SECONDS = 2.0
"""Longest wait for that answer, well below what a group allows between two polls."""


class ConsumerLag:
    """Sets `wayfare_consumer_lag_records` of each partition, every EVERY_SECONDS. Used by one thread."""

    def __init__(self) -> None:
        self._next = -1e9

    def measure(
        self,
        now_seconds: float,
        ends: Callable[[float], Mapping[Any, int]],
        kept: Callable[[Any], int | None],
        problems: Problems,
    ) -> None:
        """Measure if it is time to; brokers that do not tell are the problem `brokers`, which stands until they do.

        ends: within so many seconds, the offset after the newest record by (topic, partition), or LogUnavailable. kept: the
        offset after the newest record whose effect is kept, None for a partition that is no longer this reader's.
        """
        if now_seconds < self._next:
            return
        try:
            newest = ends(WITHIN_SECONDS)
        except LogUnavailable as error:
            problems.found("brokers", error)
            self._next = now_seconds + AGAIN_SECONDS
            return
        problems["brokers"] = None
        self._next = now_seconds + EVERY_SECONDS
        for place, end in newest.items():
            until = kept(place)
            if until is not None:
                topic, partition = place
                metrics.CONSUMER_LAG.labels(topic, str(partition)).set(max(0, end - until))
