"""The ladder of what sets a multiplier when the model or the live window cannot: never a hang, never a silent 1.0.

1. the model, on a live window that is fresh; 2. the cell's last multiplier by the model, at most 60 s old; 3. the prior
of the cell and hour, learned from history and carried by the artifact; 4. the city's prior. Each step down is told in
`degraded`, except where it is by design: a trip asked for more than ten minutes ahead is priced by priors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from wayfare.domain.pricing.surge import LEVELS, capped, decode

LAST_MULTIPLIER_MS = 60_000
"""A cell's last multiplier older than this is not used."""


class Priors(Protocol):
    """What history alone says of a cell and hour."""

    def multiplier(self, cell: int, hour: int) -> tuple[float, str]:
        """Multiplier of a level-16 cell in a local hour, and `prior:cell` or `prior:city`."""


@dataclass(frozen=True, slots=True)
class LastMultiplier:
    """What the model said last for a cell, before caps, and when (wall time in ms)."""

    multiplier: float
    at_ms: int


@dataclass(frozen=True, slots=True)
class Surge:
    """A multiplier, before and after caps, with its explanation.

    at_least: seven probabilities of `LEVELS`, never increasing; a step at `uncapped` where the model did not speak.
    price_source: `model`, `last_multiplier`, `prior:cell` or `prior:city`.
    """

    multiplier: float
    uncapped: float
    at_least: tuple[float, ...]
    price_source: str
    degraded: tuple[str, ...] = ()


def from_model(at_least: tuple[float, ...], cap: float) -> Surge:
    """The multiplier that the model's answer means, under a cap."""
    uncapped = decode(at_least)
    return Surge(capped(uncapped, cap), uncapped, at_least, "model")


def without_model(
    problem: str | None, last: LastMultiplier | None, now_ms: int, priors: Priors, cell: int, hour: int, cap: float
) -> Surge:
    """The highest step of the ladder below the model that holds.

    problem: what failed, like `live_window: stale 42 s`; None when the model is not meant to be asked, in which case
    the last multiplier, which is about now, is not used either.
    """
    if problem is not None and last is not None and now_ms - last.at_ms <= LAST_MULTIPLIER_MS:
        age_s = max(0, now_ms - last.at_ms) / 1000
        multiplier, source, stood_in = last.multiplier, "last_multiplier", f"the cell's multiplier of {age_s:.0f} s ago"
    else:
        multiplier, source = priors.multiplier(cell, hour)
        stood_in = "prior for cell and hour" if source == "prior:cell" else "the city's prior"
    degraded = () if problem is None else (f"{problem}, {stood_in} used",)
    return Surge(capped(multiplier, cap), multiplier, step(multiplier), source, degraded)


def step(multiplier: float) -> tuple[float, ...]:
    """Probabilities of the levels when nothing but one multiplier is known.

    >>> step(1.5)
    (1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    """
    return tuple(1.0 if level <= multiplier else 0.0 for level in LEVELS)


def shown(at_least: Sequence[float]) -> dict[str, float]:
    """The six thresholds that carry information, for people: rounded to four decimals, still never increasing."""
    return {str(level): round(value, 4) for level, value in zip(LEVELS[1:], at_least[1:], strict=True)}
