"""Surge levels, and how a multiplier is read off the model's seven outputs."""

from __future__ import annotations

from collections.abc import Sequence

LEVELS = (1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5)
"""The multipliers a trip can have. Output j of the network is P(multiplier >= LEVELS[j]); the first is always 1."""


def decode(at_least: Sequence[float]) -> float:
    """The highest level whose probability `at_least` is 0.5 or more; 1.0 when none above it is.

    at_least: seven probabilities that never increase.

    >>> decode([1.0, 0.91, 0.62, 0.31, 0.12, 0.05, 0.01])
    1.5
    """
    chosen = LEVELS[0]
    for level, probability in zip(LEVELS[1:], at_least[1:], strict=True):
        if probability < 0.5:
            break
        chosen = level
    return chosen


def capped(multiplier: float, cap: float) -> float:
    """The multiplier under a city's or operator's cap: the highest level that is at most the cap, never below 1.0."""
    return max((level for level in LEVELS if level <= min(multiplier, cap)), default=LEVELS[0])
