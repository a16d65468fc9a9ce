"""Identifiers: what an id looks like, and the ids that join a quote, its booking, its request and its trip.

A booking's id is a function of its quote's id, so that the ledger, keyed by quote, answers for both with one read.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from wayfare.domain.errors import InvalidInput

ID_PATTERN = r"^[A-Za-z0-9._:-]{1,64}$"
_ID = re.compile(ID_PATTERN.removesuffix("$") + r"\Z")
_IDS = re.compile(rf"(?:{ID_PATTERN[1:-1]}\n)*\Z")


def is_id(text: str) -> bool:
    """True when `text` is a well-formed id."""
    return _ID.match(text) is not None


def are_ids(texts: Collection[str]) -> bool:
    """True when each is a well-formed id.

    >>> are_ids([]), are_ids(["d-1", "d-2"]), are_ids(["d-1", "d 2"]), are_ids(["d-1\\nd-2"])
    (True, True, False, False)
    """
    lines = "\n".join([*texts, ""])
    return _IDS.match(lines) is not None and lines.count("\n") == len(texts)


def quote_id(unique: str) -> str:
    """The id of a quote from 32 hexadecimal digits of randomness (the caller draws them)."""
    return f"q-{unique}"


def booking_id_of(quote: str) -> str:
    """The id of the one booking that a quote can have.

    >>> booking_id_of("q-1f")
    'b-1f'
    """
    if not quote.startswith("q-"):
        raise InvalidInput(f"a quote id starts with 'q-', got {quote!r}")
    return "b-" + quote[2:]


def quote_id_of(booking: str) -> str:
    """The quote that a booking used; the inverse of `booking_id_of`."""
    if not booking.startswith("b-"):
        raise InvalidInput(f"a booking id starts with 'b-', got {booking!r}")
    return "q-" + booking[2:]
