"""The way of a batch of pings to a price, from what was looked at many times a second while it went.

sent -> 202 -> its partitions in Redis -> every partition in Redis -> first quote that says so is asked for -> answered
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")

HOPS = ("to_the_log", "into_redis", "waiting_for_the_other_partitions", "into_the_front_end", "quoted")


class Sent(NamedTuple):
    """A batch: when it was sent and answered, in seconds, and `received_at` of its pings in milliseconds."""

    at: float
    answered: float
    received_ms: int


class Look(NamedTuple):
    """Up to when Redis held the log: of the pings' partitions, and of all."""

    at: float
    pings_ms: int
    all_ms: int


class Asked(NamedTuple):
    """A quote, and up to when its window was known."""

    at: float
    answered: float
    until_ms: int


def follow(sent: Sent, looks: Sequence[Look], quotes: Sequence[Asked]) -> tuple[float, ...] | None:
    """Seconds of each of HOPS, from looks and quotes in order of time; None when the price was not seen.

    >>> follow(Sent(0.0, 0.1, 7), [Look(0.2, 7, 6), Look(0.9, 8, 7)], [Asked(1.0, 1.5, 7)])
    (0.1, 0.1, 0.7, 0.1, 0.5)
    """
    seen = looks[bisect.bisect_left(looks, sent.at, key=lambda look: look.at) :]
    made = quotes[bisect.bisect_left(quotes, sent.at, key=lambda quote: quote.at) :]
    in_redis = _first(seen, lambda look: look.pings_ms >= sent.received_ms)
    whole = _first(seen, lambda look: look.all_ms >= sent.received_ms)
    quote = _first(made, lambda quote: quote.until_ms >= sent.received_ms)
    if in_redis is None or whole is None or quote is None:
        return None
    moments = [sent.at, sent.answered, in_redis.at, whole.at, quote.at, quote.answered]
    # Looks lie apart, so an effect may be seen before its cause: what is known later was true by then.
    for at in range(len(moments) - 2, 0, -1):
        moments[at] = min(moments[at], moments[at + 1])
    return tuple(round(b - a, 6) for a, b in zip(moments, moments[1:], strict=False))


def _first(found: Sequence[T], holds: Callable[[T], bool]) -> T | None:
    return next((one for one in found if holds(one)), None)
