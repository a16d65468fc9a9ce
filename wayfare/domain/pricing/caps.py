"""Operator caps: a limit put on a city's surge by hand, for a reason, until a moment.

Caps are recorded, never changed: the record is the audit. Of a city's caps the newest that has not expired is in force,
so a new cap replaces the one before it, and when it ends an older one that still runs is in force again. Times are wall
time: an operator acts in the real world, whatever clock the city runs on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from wayfare.domain.city import City
from wayfare.domain.errors import InvalidInput
from wayfare.domain.pricing.surge import LEVELS

LONGEST_MS = 30 * 86_400_000
"""A cap ends after 30 days at most, so that a forgotten one does not shape prices for ever."""


@dataclass(frozen=True, slots=True)
class SurgeCap:
    """No multiplier above `max_multiplier` from `set_at_ms` until `until_ms` (wall time); 1.0 freezes surge."""

    city: str
    set_at_ms: int
    max_multiplier: float
    until_ms: int
    reason: str
    operator: str


class CapStore(Protocol):
    """Where caps are recorded for good."""

    def record(self, cap: SurgeCap) -> SurgeCap:
        """Record a cap; its `set_at_ms` moves forward where another has that moment. StoreUnavailable otherwise."""

    def recorded(self, city: str) -> list[SurgeCap]:
        """The newest caps of a city (at most 100), newest first; StoreUnavailable when they cannot be read."""


def check_cap(cap: SurgeCap) -> None:
    """InvalidInput unless the cap is one that could be meant."""
    if not LEVELS[0] <= cap.max_multiplier <= LEVELS[-1]:
        raise InvalidInput(f"max_multiplier must be between {LEVELS[0]} and {LEVELS[-1]}, got {cap.max_multiplier}")
    if cap.until_ms <= cap.set_at_ms:
        raise InvalidInput(f"until must be in the future, got a moment {cap.set_at_ms - cap.until_ms} ms ago")
    if cap.until_ms - cap.set_at_ms > LONGEST_MS:
        days = (cap.until_ms - cap.set_at_ms) / 86_400_000
        raise InvalidInput(f"until must be at most 30 days ahead, got {days:.1f} days")


def in_force(caps: Iterable[SurgeCap], now_ms: int) -> SurgeCap | None:
    """The newest cap that has not expired at `now_ms`; None when surge is not capped by hand."""
    running = [cap for cap in caps if cap.until_ms > now_ms]
    return max(running, key=lambda cap: cap.set_at_ms, default=None)


def limit(city: City, cap: SurgeCap | None) -> float:
    """The highest multiplier allowed: the city's own cap or the operator's, whichever is lower."""
    return city.surge_cap if cap is None else min(city.surge_cap, cap.max_multiplier)
