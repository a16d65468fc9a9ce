"""Events and quotes as the API's JSON (API.md), and back."""

from __future__ import annotations

from typing import Any

from wayfare.domain.city import Place
from wayfare.domain.market.drivers import driver_id
from wayfare.domain.market.history import rider_id
from wayfare.domain.market.offers import Served
from wayfare.domain.times import format_rfc3339

Json = dict[str, Any]


def place(lat: float, lon: float) -> Json:
    """A place in degrees."""
    return {"lat": lat, "lon": lon}


def ping(driver: str, t_ms: int, lat: float, lon: float, status: str, dropoff: Place | None = None) -> Json:
    """One element of `POST /v1/driver-pings`."""
    body: Json = {"driver_id": driver, "t": format_rfc3339(t_ms), "lat": lat, "lon": lon, "status": status}
    if dropoff is not None:
        body["dropoff"] = place(*dropoff)
    return body


def request_step(
    request_id: str,
    rider: str,
    t_ms: int,
    status: str,
    ends: tuple[Place, Place] | None = None,
    quote_id: str | None = None,
    booking_id: str | None = None,
) -> Json:
    """The body of `POST /v1/ride-requests`; `ends` (pickup, drop-off) with `opened` only."""
    body: Json = {"request_id": request_id, "rider_id": rider, "t": format_rfc3339(t_ms), "status": status}
    if ends:
        body |= {"pickup": place(*ends[0]), "dropoff": place(*ends[1])}
    if quote_id:
        body["quote_id"] = quote_id
    if booking_id:
        body["booking_id"] = booking_id
    return body


def finished_trip(served: Served, currency: str, ride_type: str, booking_id: str | None) -> Json:
    """One element of `POST /v1/trips` for a ride of the simulated city."""
    request, offer = served.request, served.offer
    return {
        "trip_id": f"t-{request.id}",
        "pickup": place(request.pickup_lat, request.pickup_lon),
        "dropoff": place(request.dropoff_lat, request.dropoff_lon),
        "started_at": format_rfc3339(served.started_ms),
        "ended_at": format_rfc3339(served.ended_ms),
        "rider_id": rider_id(request.rider),
        "driver_id": driver_id(served.cab),
        "quote_id": offer.quote_id,
        "booking_id": booking_id,
        "booked_at": format_rfc3339(served.booked_ms),
        "requested_at": format_rfc3339(request.opened_ms),
        "distance_m": round(request.road_m),
        "wait_s": round((served.started_ms - served.booked_ms) / 1000),
        "ride_type": ride_type,
        "surge_multiplier": offer.multiplier,
        "base_fare": {"amount_minor": offer.base_fare_minor, "currency": currency},
        "total_fare": {"amount_minor": offer.total_fare_minor, "currency": currency},
        "price_source": offer.source,
    }


def price_source(lineage: Json) -> str:
    """Who set a quote's price, as a trip records it: `model:<name>:<version>`, or what stood in for the model.

    >>> price_source({"price_source": "model", "model": "surge-sim", "version": 20261121001})
    'model:surge-sim:20261121001'
    """
    source = str(lineage.get("price_source", "unknown"))
    if source == "model":
        return f"model:{lineage.get('model')}:{lineage.get('version')}"
    return source
