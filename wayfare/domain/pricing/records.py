"""What the log is told of quotes: served predictions, and the outcome of each quote. Riders go by a pseudonym."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Sequence
from typing import Any

from wayfare.domain.streams.events import SCHEMA
from wayfare.domain.times import format_rfc3339

PREDICTIONS = "predictions"
BOOKINGS = "bookings"


def pseudonym(key: bytes, rider_id: str | None) -> str | None:
    """A stable name that says nothing of the rider to who has not the installation's key: 128 bits of HMAC-SHA256.

    >>> pseudonym(b"key", "r-1") == pseudonym(b"key", "r-1") != pseudonym(b"other", "r-1")
    True
    """
    if rider_id is None:
        return None
    return "p-" + hmac.new(key, rider_id.encode(), hashlib.sha256).hexdigest()[:32]


def prediction_record(
    *,
    quote_id: str,
    rider: str | None,
    city: str,
    model: str,
    version: int,
    arm: str,
    price_source: str,
    multiplier: float,
    at_least: Sequence[float] | None,
    feature_names: Sequence[str],
    features: Sequence[float],
    price_minor: int,
    currency: str,
    degraded: Sequence[str],
    t_ms: int,
    expires_t_ms: int,
    expires_at_ms: int,
) -> dict[str, Any]:
    """A record of `predictions`. t_ms and expires_t_ms are on the city's clock, expires_at_ms is wall time.

    features: in the order of feature_names; a missing one (NaN) is null. at_least: null where the model did not
    speak. Empty features: none were computed.
    """
    return {
        "schema": SCHEMA,
        "quote_id": quote_id,
        "rider": rider,
        "city": city,
        "model": model,
        "version": version,
        "arm": arm,
        "price_source": price_source,
        "multiplier": multiplier,
        "propensity": 1.0,
        "at_least": None if at_least is None else list(at_least),
        "feature_names": list(feature_names),
        "features": [None if math.isnan(value) else value for value in features],
        "price": {"amount_minor": price_minor, "currency": currency},
        "degraded": list(degraded),
        "t": format_rfc3339(t_ms),
        "expires_t": format_rfc3339(expires_t_ms),
        "expires_at": format_rfc3339(expires_at_ms),
    }


def booking_record(
    *,
    quote_id: str,
    booking_id: str | None,
    city: str,
    rider: str | None,
    price_minor: int,
    currency: str,
    outcome: str,
    t_ms: int,
    multiplier: float | None,
) -> dict[str, Any]:
    """A record of `bookings`: the outcome of one quote at t_ms on the city's clock. The same quote may be told twice.

    multiplier: as quoted; null where an intent of an older version did not tell it.
    """
    return {
        "schema": SCHEMA,
        "booking_id": booking_id,
        "quote_id": quote_id,
        "city": city,
        "rider": rider,
        "price": {"amount_minor": price_minor, "currency": currency},
        "outcome": outcome,
        "multiplier": multiplier,
        "t": format_rfc3339(t_ms),
    }
