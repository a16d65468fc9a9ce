"""What passes between riders, prices and cabs: offers, requests that wait, rides that are served, and who is told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from wayfare.domain.market.fleet import LegWatcher
from wayfare.domain.market.pricing_rule import Conditions
from wayfare.domain.market.riders import Request


@dataclass(frozen=True, slots=True)
class Offer:
    """A price shown to a rider, in minor units, and where it came from."""

    multiplier: float
    base_fare_minor: int
    total_fare_minor: int
    source: str
    quote_id: str | None = None


class SeesConditions(Protocol):
    """The market, as far as a price may look at it."""

    def conditions(self, request: Request, t_ms: int) -> Conditions:
        """What the historical rule looks at when it prices a request that has just opened."""


class PriceOracle(Protocol):
    """Prices a request, and records its booking."""

    def price(self, market: SeesConditions, request: Request, t_ms: int) -> Offer | None:
        """An offer now; or None when it will come later, by `Market.offer` or `Market.no_offer`."""

    def book(self, market: SeesConditions, request: Request, offer: Offer, t_ms: int) -> bool:
        """True when the booking stands at once; False when `Market.booked` or `Market.not_booked` will tell."""


class Watcher(LegWatcher, Protocol):
    """Told of what happens, in order of time."""

    def opened(self, request: Request, t_ms: int) -> None:
        """A rider looks at a price."""

    def ended(self, request: Request, t_ms: int, status: str, why: str) -> None:
        """The request left the waiting ones: `matched`, `cancelled` or `expired`; once per opened request."""

    def trip(self, served: Served) -> None:
        """A trip has finished."""

    def called_off(self, served: Served, t_ms: int) -> None:
        """A matched rider changed their mind before the cab came."""

    def offline(self, cab: int, t_ms: int) -> None:
        """A cab has left for the day."""


@dataclass(slots=True)
class Waiting:
    """A request that has opened and not ended."""

    request: Request
    opened_ms: int
    offer: Offer | None = None
    booked_ms: int | None = None
    queued: bool = False


@dataclass(slots=True)
class Served:
    """A request with its cab, from the match to the end of the trip."""

    request: Request
    offer: Offer
    cab: int
    booked_ms: int
    matched_ms: int
    started_ms: int = 0
    ended_ms: int = 0


def accepts(request: Request, multiplier: float) -> float:
    """Probability that the rider of a request books at a multiplier."""
    return 1.0 / (1.0 + math.exp(-(request.keenness - request.price_sensitivity * math.log(multiplier))))
