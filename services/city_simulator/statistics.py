"""What the actor has done, as exact counts and latencies; written once a second for the demo and for people."""

from __future__ import annotations

import json
import os
import pathlib
import threading
from collections import Counter, deque
from typing import Any

from wayfare.domain.times import format_rfc3339
from wayfare.runtime import metrics

KEPT = 50_000
"""Latencies kept for percentiles: the newest."""
MOST_FAILURES = 100


def percentile(values: list[float], share: float) -> float | None:
    """The smallest value that at least `share` of the values do not exceed; None of nothing.

    >>> percentile([4.0, 1.0, 3.0, 2.0], 0.5), percentile([], 0.5)
    (2.0, None)
    """
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 1).__int__() - 1)]


class Statistics:
    """Counts of one run. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._degraded: Counter[str] = Counter()
        self._multipliers: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._retries = 0
        self._quotes = self._bookings = 0
        self._quote_ms: deque[float] = deque(maxlen=KEPT)
        self._delays_s: deque[float] = deque(maxlen=KEPT)
        self._failures: Counter[str] = Counter()
        self._first_undegraded: int | None = None

    def sent(self, topic: str, count: int) -> None:
        """Events acknowledged: with 202, or by the log."""
        metrics.ACTOR_EVENTS.labels(topic).inc(count)
        with self._lock:
            self._sent[topic] += count

    def lost(self, topic: str, why: str, count: int = 1) -> None:
        """Events that will not be sent: `refused` by events_api or `crowded_out` while it was away."""
        with self._lock:
            self._lost[f"{topic}:{why}"] += count

    def skipped(self, what: str, count: int = 1) -> None:
        """Something of a recording that is not sent, by rule."""
        with self._lock:
            self._skipped[what] += count

    def retried(self) -> None:
        """A call that will be made again."""
        with self._lock:
            self._retries += 1

    def outcome(self, what: str) -> None:
        """How a request, quote or booking went."""
        with self._lock:
            self._outcomes[what] += 1

    def failed(self, what: str) -> None:
        """Something that should not happen, in words without ids, so that it can be counted."""
        with self._lock:
            if what in self._failures or len(self._failures) < MOST_FAILURES:
                self._failures[what] += 1

    def quoted(self, wall_ms: int, took_ms: float, multiplier: float, degraded: list[str]) -> None:
        """A quote answered with 201."""
        metrics.ACTOR_QUOTE_SECONDS.observe(took_ms / 1000.0)
        with self._lock:
            self._quotes += 1
            self._quote_ms.append(took_ms)
            self._multipliers[str(multiplier)] += 1
            for line in degraded:
                self._degraded[line.partition(":")[0]] += 1
            if not degraded and self._first_undegraded is None:
                self._first_undegraded = wall_ms

    def booked(self) -> None:
        """A booking answered with 201."""
        with self._lock:
            self._bookings += 1

    def delay(self, seconds: float) -> None:
        """One measured delay from a ping's 202 to a quote whose window holds it, wall seconds."""
        metrics.ACTOR_EVENT_TO_PRICE_SECONDS.observe(seconds)
        with self._lock:
            self._delays_s.append(seconds)

    def snapshot(self) -> dict[str, Any]:
        """All of it as JSON values."""
        with self._lock:
            quote_ms, delays = list(self._quote_ms), list(self._delays_s)
            found = {
                "events_sent": dict(self._sent),
                "events_lost": dict(self._lost),
                "quotes": self._quotes,
                "bookings": self._bookings,
                "degraded": dict(self._degraded),
                "multipliers": dict(sorted(self._multipliers.items())),
                "outcomes": dict(self._outcomes),
                "skipped": dict(self._skipped),
                "retries": self._retries,
                "failures": [f"{what} ({count} times)" for what, count in self._failures.items()],
                "first_undegraded_quote_at": None
                if self._first_undegraded is None
                else format_rfc3339(self._first_undegraded),
                "event_to_price_last_s": delays[-1] if delays else None,
                "event_to_price_measured": len(delays),
            }
        return found | {
            "quote_p50_ms": percentile(quote_ms, 0.50),
            "quote_p99_ms": percentile(quote_ms, 0.99),
            "event_to_price_p50_s": percentile(delays, 0.50),
            "event_to_price_p99_s": percentile(delays, 0.99),
        }


def write(file: pathlib.Path, values: dict[str, Any]) -> None:
    """Replace the file in one step, so that no reader ever sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(values, allow_nan=False))
    draft.replace(file)
