"""Settling quotes: telling the log of each booking, and deciding that an expired quote was not booked.

The ledger decides; the log is told at least once. A quote that is told twice (after a crash between telling and
remembering that) is told the same thing twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wayfare.domain.errors import InvalidInput
from wayfare.domain.pricing.ledger import BOOKED, NOT_BOOKED, Intent, Ledger, LedgerRow
from wayfare.domain.pricing.records import BOOKINGS, booking_record
from wayfare.domain.streams.log import RecordLog
from wayfare.domain.times import parse_rfc3339


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What a served prediction tells of its quote: enough to write that it was not booked."""

    quote_id: str
    city: str
    rider: str | None
    price_minor: int
    currency: str
    multiplier: float | None
    expires_t_ms: int
    expires_at_ms: int


def unsettled(record: Mapping[str, Any]) -> Unsettled:
    """Read a record of `predictions`; InvalidInput when it is not one."""
    try:
        return Unsettled(
            quote_id=str(record["quote_id"]),
            city=str(record["city"]),
            rider=record.get("rider"),
            price_minor=int(record["price"]["amount_minor"]),
            currency=str(record["price"]["currency"]),
            multiplier=float(record["multiplier"]),
            expires_t_ms=parse_rfc3339(record["expires_t"]),
            expires_at_ms=parse_rfc3339(record["expires_at"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"not a prediction: {type(error).__name__} {error}, got {str(record)[:200]}") from error


def settle_expired(quote: Unsettled, ledger: Ledger, log: RecordLog, now_ms: int, timeout_s: float) -> str:
    """Decide `not_booked` unless the quote was decided before, and tell the log; returns the outcome that stands.

    Booked quotes are told by `relay_intent`. Raises LedgerUnavailable or LogUnavailable: then settle it again.
    """
    row = LedgerRow(quote.quote_id, None, quote.city, None, NOT_BOOKED, {}, f"settled-{quote.quote_id}", now_ms)
    standing = ledger.decide(row, timeout_s)
    if standing is not None and standing.outcome == BOOKED:
        return BOOKED
    record = booking_record(
        quote_id=quote.quote_id,
        booking_id=None,
        city=quote.city,
        rider=quote.rider,
        price_minor=quote.price_minor,
        currency=quote.currency,
        outcome=NOT_BOOKED,
        t_ms=quote.expires_t_ms,
        multiplier=quote.multiplier,
    )
    log.append(BOOKINGS, quote.quote_id, record)
    return NOT_BOOKED


def relay_intent(intent: Intent, ledger: Ledger, log: RecordLog, now_ms: int, grace_ms: int, timeout_s: float) -> bool:
    """See one intent through; True when it is done with and forgotten.

    A booked quote is told to the log. One that is not, and cannot be any more because it expired `grace_ms` ago, is
    forgotten after the ledger was made to say so. Any other may still be booked and is looked at again.
    """
    standing = ledger.read(intent.quote_id, timeout_s)
    if standing is None and now_ms > intent.expires_at_ms + grace_ms:
        record = intent.record
        price = record["price"]
        expired = Unsettled(
            intent.quote_id,
            record["city"],
            record["rider"],
            price["amount_minor"],
            price["currency"],
            record.get("multiplier"),
            parse_rfc3339(record["t"]),
            intent.expires_at_ms,
        )
        if settle_expired(expired, ledger, log, now_ms, timeout_s) == BOOKED:
            standing = ledger.read(intent.quote_id, timeout_s)
    elif standing is None:
        return False
    if standing is not None and standing.outcome == BOOKED:
        log.append(BOOKINGS, intent.quote_id, intent.record)
    ledger.forget(intent)
    return True
