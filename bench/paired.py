"""Seconds of this process's CPU, by turns, so that neighbours on the machine weigh on both sides of a ratio alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


def seconds_of(call: Callable[[], object], times: int = 1) -> float:
    """CPU seconds of one call: the least of some."""
    least = float("inf")
    for _ in range(times):
        began = time.process_time()
        call()
        least = min(least, time.process_time() - began)
    return least


def rounds(calls: Mapping[str, Callable[[], object]], count: int, times: int = 1) -> dict[str, list[float]]:
    """CPU seconds of each call in each of the rounds."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(count):
        for name, call in calls.items():
            taken[name].append(seconds_of(call, times))
    return taken


def ratios(theirs: list[float], ours: list[float], scale: float = 1.0) -> list[float]:
    """How many times faster we were, round by round; scale: their work over ours."""
    return [them / us / scale for them, us in zip(theirs, ours, strict=True)]
