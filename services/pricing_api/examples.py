"""Bodies that are valid, shown in `/openapi.json` and sent by the tests."""

from __future__ import annotations

from typing import Any

_DOWNTOWN = {"lat": 37.7897, "lon": -122.4011}
_MISSION = {"lat": 37.7599, "lon": -122.4148}

QUOTES: dict[str, Any] = {
    "now": {"pickup": _DOWNTOWN, "dropoff": _MISSION},
    "a service for a rider": {"pickup": _DOWNTOWN, "dropoff": _MISSION, "ride_type": "standard", "rider_id": "r-1"},
}
BOOKINGS: dict[str, Any] = {"a quote": {"quote_token": "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl"}}
CAPS: dict[str, Any] = {
    "freeze": {"max_multiplier": 1.0, "until": "2026-11-21T12:00:00Z", "reason": "storm warning"},
    "cap": {"max_multiplier": 1.5, "until": "2026-11-21T12:00:00Z", "reason": "a concert ends"},
}
