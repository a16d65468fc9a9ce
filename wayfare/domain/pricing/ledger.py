"""The booking ledger: one row per quote, decided once by compare-and-set; the truth for bookings.

Beside it, intents: that a booking is about to be tried is written before it is tried, so that whatever dies in between,
`booking_relay` finds every booking and tells the log of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from wayfare.domain.times import MINUTE_MS

BOOKED = "booked"
NOT_BOOKED = "not_booked"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What was decided about a quote. attempt: unique to the try that decided it. Times are wall time in ms.

    answer: the whole answer given to who booked; empty for `not_booked`.
    """

    quote_id: str
    booking_id: str | None
    city: str
    rider_id: str | None
    outcome: str
    answer: Mapping[str, Any]
    attempt: str
    decided_at_ms: int


@dataclass(frozen=True, slots=True)
class Intent:
    """That a quote is about to be booked. bucket_ms: start of the wall-clock minute it was written in.

    record: what `bookings` in the log will be told if the booking happens; after `expires_at_ms` it cannot happen.
    """

    bucket_ms: int
    quote_id: str
    expires_at_ms: int
    record: Mapping[str, Any]


def bucket_of(wall_ms: int) -> int:
    """The bucket of intents written at a moment."""
    return wall_ms - wall_ms % MINUTE_MS


class Ledger(Protocol):
    """Every method raises LedgerUnavailable when the ledger cannot answer or what it did is not known."""

    def announce(self, intent: Intent, timeout_s: float) -> None:
        """Record that a booking is about to be tried."""

    def decide(self, row: LedgerRow, timeout_s: float) -> LedgerRow | None:
        """Write the row unless the quote was decided before: None when written, else the row that is there."""

    def read(self, quote_id: str, timeout_s: float) -> LedgerRow | None:
        """What was decided, including a decision still on its way (serial consistency); None when nothing was."""

    def intents(self, bucket_ms: int) -> list[Intent]:
        """The intents of a bucket that were not forgotten yet."""

    def forget(self, intent: Intent) -> None:
        """Remove an intent that was seen through."""
