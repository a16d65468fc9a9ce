"""Quotes: what is asked, what is locked in the token, and which moments may be priced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from wayfare.domain.city import City, Place
from wayfare.domain.errors import InvalidInput
from wayfare.domain.times import DAY_MS, MINUTE_MS

NOW_AHEAD_MS = 10 * MINUTE_MS
"""A departure up to this far ahead is priced as now."""
FURTHEST_AHEAD_MS = 7 * DAY_MS
PAST_LEEWAY_MS = MINUTE_MS
"""Clocks of phones are a little slow: this much in the past is still now."""


@dataclass(frozen=True, slots=True)
class QuoteAsk:
    """A trip whose price is asked for. rider_id None: anonymous. Departure in ms on the city's clock, None: now."""

    city: City
    pickup: Place
    dropoff: Place
    ride_type: str
    rider_id: str | None
    departure_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LockedQuote:
    """What a quote's token promises until `expires_at_ms` (wall time). Money in minor units of `currency`."""

    quote_id: str
    rider_id: str | None
    city: str
    ride_type: str
    pickup: Place
    dropoff: Place
    price_minor: int
    currency: str
    multiplier: float
    price_source: str
    expires_at_ms: int


class QuoteLock(Protocol):
    """Makes and reads the tokens that lock quotes."""

    def lock(self, quote: LockedQuote, now_ms: int) -> str:
        """A token that only this installation can make. Unavailable when there is no key to sign with."""

    def open(self, token: str, now_ms: int) -> LockedQuote:
        """The quote in a token; Forged when it was not made here or was altered. It may have expired: `expires_at_ms`."""


def departs_later(departure_ms: int | None, city_now_ms: int) -> bool:
    """True when a departure is priced by priors rather than as now; InvalidInput when it may not be priced at all."""
    if departure_ms is None:
        return False
    ahead = departure_ms - city_now_ms
    if ahead < -PAST_LEEWAY_MS:
        raise InvalidInput(f"must not be in the past of the city's clock, got {-ahead / 1000:.0f} s ago")
    if ahead > FURTHEST_AHEAD_MS:
        raise InvalidInput(f"must be at most 7 days ahead of the city's clock, got {ahead / DAY_MS:.2f} days")
    return ahead > NOW_AHEAD_MS
