"""Booking a locked quote: exactly one booking per quote, at the quoted price to the cent, or none at all."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wayfare.domain.errors import AlreadyBooked, Expired, LedgerUnavailable, NotYours
from wayfare.domain.ids import booking_id_of
from wayfare.domain.pricing.ledger import BOOKED, NOT_BOOKED, Intent, Ledger, LedgerRow, bucket_of
from wayfare.domain.pricing.quote import LockedQuote, QuoteLock
from wayfare.domain.pricing.records import booking_record
from wayfare.domain.times import format_rfc3339

_TURNS = 64
_REMEMBERED = 2_000
READ_AGAIN_SHARE = 0.35
"""Share of a booking's time kept for reading the ledger again when the outcome of its write was lost."""


@dataclass(frozen=True)
class Booker:
    """Books quotes.

    pseudonym: rider id to the name the log knows the rider by. city_ms: city id and wall time to the city's clock.
    deadline_s: longest that one booking may take. monotonic_s, wall_ms: clocks.
    """

    lock: QuoteLock
    ledger: Ledger
    pseudonym: Callable[[str | None], str | None]
    city_ms: Callable[[str, int], int]
    deadline_s: float
    wall_ms: Callable[[], int]
    monotonic_s: Callable[[], float]
    _decided: OrderedDict[str, LedgerRow] = field(default_factory=OrderedDict)
    _turns: Sequence[threading.Lock] = field(default_factory=lambda: [threading.Lock() for _ in range(_TURNS)])

    def book(self, token: str, rider_id: str | None, attempt: str) -> Mapping[str, Any]:
        """The answer to who booked.

        rider_id: the rider who asks; None for a service, which may book any quote. attempt: unique to this try.
        Raises Forged; NotYours; Expired when the quote ended unused; AlreadyBooked; LedgerUnavailable when it is
        not known that the booking is recorded, in which case asking again with the same token settles it.
        """
        ends = self.monotonic_s() + self.deadline_s
        now = self.wall_ms()
        quote = self.lock.open(token, now)
        if rider_id is not None and quote.rider_id != rider_id:
            raise NotYours(f"this quote was given to another rider, got a token of quote {quote.quote_id}")
        if quote.expires_at_ms <= now:
            raise self._too_late(quote, now, ends)
        row = self._row(quote, now, attempt)
        # Racing tries of one process take turns: many compare-and-sets of one row at once would time out on one another.
        turn = self._turns[hash(quote.quote_id) % _TURNS]
        if not turn.acquire(timeout=self._left(ends, READ_AGAIN_SHARE)):
            raise LedgerUnavailable(f"too many tries to book at once, got {quote.quote_id}")
        try:
            # Decisions are final, so one that this process saw needs no ledger. Read before announcing: a repeat of what is
            # decided must not announce it, or the log would be told of it again.
            standing = self._decided.get(quote.quote_id) or self.ledger.read(
                quote.quote_id, self._left(ends, READ_AGAIN_SHARE)
            )
            if standing is None:
                self.ledger.announce(self._intent(quote, row), self._left(ends, READ_AGAIN_SHARE))
                standing = self._decide(row, ends)
            self._remember(standing or row)
        finally:
            turn.release()
        if standing is None:
            return row.answer
        raise self._refusal(quote, standing)

    def _remember(self, row: LedgerRow) -> None:
        self._decided[row.quote_id] = row
        while len(self._decided) > _REMEMBERED:
            self._decided.popitem(last=False)

    def _decide(self, row: LedgerRow, ends: float) -> LedgerRow | None:
        """None when this try decided; else the decision that stands."""
        try:
            standing = self.ledger.decide(row, self._left(ends, READ_AGAIN_SHARE))
        except LedgerUnavailable:
            standing = self.ledger.read(row.quote_id, self._left(ends, 0.0))
            if standing is None:
                # The write may still be under way: a later try, or the relay, will find whichever way it ended.
                raise
        return None if standing is None or standing.attempt == row.attempt else standing

    def _row(self, quote: LockedQuote, now: int, attempt: str) -> LedgerRow:
        booking_id = booking_id_of(quote.quote_id)
        answer = {
            "booking_id": booking_id,
            "quote_id": quote.quote_id,
            "status": BOOKED,
            "city": quote.city,
            "rider_id": quote.rider_id,
            "ride_type": quote.ride_type,
            "pickup": quote.pickup._asdict(),
            "dropoff": quote.dropoff._asdict(),
            "multiplier": quote.multiplier,
            "price": {"amount_minor": quote.price_minor, "currency": quote.currency},
            "price_source": quote.price_source,
            "booked_at": format_rfc3339(now),
        }
        return LedgerRow(quote.quote_id, booking_id, quote.city, quote.rider_id, BOOKED, answer, attempt, now)

    def _intent(self, quote: LockedQuote, row: LedgerRow) -> Intent:
        record = booking_record(
            quote_id=quote.quote_id,
            booking_id=row.booking_id,
            city=quote.city,
            rider=self.pseudonym(quote.rider_id),
            price_minor=quote.price_minor,
            currency=quote.currency,
            outcome=BOOKED,
            t_ms=self.city_ms(quote.city, row.decided_at_ms),
            multiplier=quote.multiplier,
        )
        return Intent(bucket_of(row.decided_at_ms), quote.quote_id, quote.expires_at_ms, record)

    def _too_late(self, quote: LockedQuote, now: int, ends: float) -> Exception:
        """Whoever lost the answer to a booking and asks again after the quote's end is told of the booking."""
        try:
            standing = self.ledger.read(quote.quote_id, self._left(ends, 0.0))
        except LedgerUnavailable:
            standing = None
        if standing is not None and standing.outcome == BOOKED:
            return self._refusal(quote, standing)
        return Expired(f"the quote ended {(now - quote.expires_at_ms) / 1000:.0f} s ago, got {quote.quote_id}")

    def _refusal(self, quote: LockedQuote, standing: LedgerRow) -> Exception:
        if standing.outcome == NOT_BOOKED:
            return Expired(f"the quote ended unused, got {quote.quote_id}")
        return AlreadyBooked(f"the quote was booked before, got {quote.quote_id}", standing.booking_id)

    def _left(self, ends: float, keep: float) -> float:
        return max(0.001, ends - self.monotonic_s() - keep * self.deadline_s)
