"""Bodies that are valid, shown in `/openapi.json` and sent by the tests."""

from __future__ import annotations

from typing import Any

_DOWNTOWN = {"lat": 37.7897, "lon": -122.4011}
_MISSION = {"lat": 37.7599, "lon": -122.4148}
_T = "2026-11-21T08:30:00Z"

PINGS: dict[str, Any] = {
    "a free cab": {"pings": [{"driver_id": "d-1", "t": _T, **_DOWNTOWN, "status": "available"}]},
    "a cab on a trip": {
        "pings": [{"driver_id": "d-1", "t": _T, **_DOWNTOWN, "status": "on_trip", "dropoff": _MISSION}]
    },
}
RIDE_REQUESTS: dict[str, Any] = {
    "opened": {
        "request_id": "req-1",
        "rider_id": "r-1",
        "t": _T,
        "status": "opened",
        "pickup": _DOWNTOWN,
        "dropoff": _MISSION,
    },
    "cancelled": {"request_id": "req-1", "rider_id": "r-1", "t": _T, "status": "cancelled"},
}
TRIPS: dict[str, Any] = {
    "one trip": {
        "trips": [
            {
                "trip_id": "trip-1",
                "pickup": _DOWNTOWN,
                "dropoff": _MISSION,
                "started_at": "2026-11-21T08:10:00Z",
                "ended_at": "2026-11-21T08:25:00Z",
                "rider_id": "r-1",
                "surge_multiplier": 1.25,
                "base_fare": {"amount_minor": 1480, "currency": "USD"},
                "total_fare": {"amount_minor": 1850, "currency": "USD"},
                "price_source": "rule",
            }
        ]
    }
}
WEATHER: dict[str, Any] = {
    "a wet hour": {
        "observations": [{"t": _T, **_DOWNTOWN, "temperature_c": 12.5, "rain_mm": 1.2, "humidity": 0.8, "wind_ms": 4.0}]
    }
}
