"""One event as JSON: the body that apps send, and the record in the log (the same plus schema, received_at, city).

`to_json` and `recorded` are inverses. Fields that a record has and this version does not know are ignored within one
schema number, so that producers can be upgraded first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from wayfare.domain.city import Place
from wayfare.domain.errors import InvalidInput
from wayfare.domain.ids import is_id
from wayfare.domain.streams.events import (
    PING_STATUSES,
    REQUEST_STATUSES,
    SCHEMA,
    DriverPing,
    Event,
    Recorded,
    RideRequest,
    Seal,
    Tick,
    Trip,
    WeatherObservation,
)
from wayfare.domain.times import format_rfc3339, parse_rfc3339

Json = dict[str, Any]


def to_json(event: Event) -> Json:
    """The event as apps send it; absent optional fields are left out."""
    if isinstance(event, DriverPing):
        raw = {
            "driver_id": event.driver_id,
            "t": format_rfc3339(event.t_ms),
            "lat": event.lat,
            "lon": event.lon,
            "status": event.status,
            "dropoff": _place_json(event.dropoff),
        }
    elif isinstance(event, RideRequest):
        raw = {
            "request_id": event.request_id,
            "rider_id": event.rider_id,
            "t": format_rfc3339(event.t_ms),
            "status": event.status,
            "pickup": _place_json(event.pickup),
            "dropoff": _place_json(event.dropoff),
            "quote_id": event.quote_id,
            "booking_id": event.booking_id,
        }
    elif isinstance(event, Trip):
        raw = _trip_json(event)
    else:
        raw = {name: getattr(event, name) for name in _WEATHER_NUMBERS} | {"t": format_rfc3339(event.t_ms)}
    return {name: value for name, value in raw.items() if value is not None}


def record_bytes(event: Event, city: str, received_at_ms: int) -> bytes:
    """The JSON record of one event in the log."""
    return orjson.dumps(
        to_json(event) | {"schema": SCHEMA, "city": city, "received_at": format_rfc3339(received_at_ms)}
    )


def tick_bytes(received_at_ms: Mapping[str, int]) -> bytes:
    """The JSON record that moves time."""
    clocks = {city: format_rfc3339(ms) for city, ms in received_at_ms.items()}
    return orjson.dumps({"schema": SCHEMA, "tick": clocks})


def loads(value: bytes) -> Json:
    """A record of this schema number; InvalidInput when it is not JSON, not an object, or of another number."""
    try:
        raw = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"a record is JSON: {error}, got {bytes(value[:64])!r}") from error
    if not isinstance(raw, dict):
        raise InvalidInput(f"a record is a JSON object, got {type(raw).__name__}")
    if raw.get("schema") != SCHEMA:
        raise InvalidInput(f"schema must be {SCHEMA}, got {raw.get('schema')!r}")
    return raw


def tick(value: bytes) -> Tick:
    """The tick that a record holds."""
    clocks = loads(value).get("tick")
    if not isinstance(clocks, dict):
        raise InvalidInput(f"a tick holds each city's clock, got {clocks!r}")
    return Tick({_text(city, "city"): _time(text, "tick") for city, text in clocks.items()})


def seal_bytes(seal: Seal) -> bytes:
    """The JSON record that ends a partition."""
    clocks = {city: format_rfc3339(ms) for city, ms in seal.received_at_ms.items()}
    return orjson.dumps({"schema": SCHEMA, "seal": {"successor": seal.successor, "at": clocks}})


def seal(value: bytes) -> Seal:
    """The seal that a record holds."""
    raw = loads(value).get("seal")
    if not isinstance(raw, dict) or not isinstance(raw.get("at"), dict):
        raise InvalidInput(f"a seal holds its successor and each city's clock, got {raw!r}")
    clocks = {_text(city, "city"): _time(text, "seal") for city, text in raw["at"].items()}
    return Seal(_text(raw.get("successor"), "successor"), clocks)


def recorded(topic: str, value: bytes) -> Recorded:
    """The event that a JSON record of a topic holds; InvalidInput names the field that is wrong."""
    raw = loads(value)
    try:
        return Recorded(event(topic, raw), _text(raw["city"], "city"), _time(raw["received_at"], "received_at"))
    except KeyError as error:
        raise InvalidInput(f"the field {error} is required, got fields {sorted(raw)}") from error


def event(topic: str, raw: Json) -> Event:
    """The event of a topic from the body that apps send; InvalidInput names the field that is wrong."""
    try:
        return _EVENTS[topic.partition(".")[0]](raw)
    except KeyError as error:
        raise InvalidInput(f"the field {error} is required, got fields {sorted(raw)}") from error


def ping(raw: Json) -> DriverPing:
    """A ping from its JSON form."""
    return DriverPing(
        _id(raw["driver_id"], "driver_id"),
        _time(raw["t"], "t"),
        number(raw["lat"], "lat", -90, 90),
        number(raw["lon"], "lon", -180, 180),
        _one_of(raw["status"], "status", PING_STATUSES),
        _place(raw.get("dropoff"), "dropoff"),
    )


def ride_request(raw: Json) -> RideRequest:
    """A step of a request from its JSON form; `opened` needs both places."""
    request = RideRequest(
        _id(raw["request_id"], "request_id"),
        _id(raw["rider_id"], "rider_id"),
        _time(raw["t"], "t"),
        _one_of(raw["status"], "status", REQUEST_STATUSES),
        _place(raw.get("pickup"), "pickup"),
        _place(raw.get("dropoff"), "dropoff"),
        _optional(raw, "quote_id", _id),
        _optional(raw, "booking_id", _id),
    )
    if request.status == "opened" and (request.pickup is None or request.dropoff is None):
        raise InvalidInput("an opened request has pickup and dropoff, got neither or one")
    return request


def trip(raw: Json) -> Trip:
    """A finished trip from its JSON form."""
    base, total = _money(raw.get("base_fare"), "base_fare"), _money(raw.get("total_fare"), "total_fare")
    return Trip(
        trip_id=_id(raw["trip_id"], "trip_id"),
        pickup=_needed_place(raw["pickup"], "pickup"),
        dropoff=_needed_place(raw["dropoff"], "dropoff"),
        started_at_ms=_time(raw["started_at"], "started_at"),
        ended_at_ms=_time(raw["ended_at"], "ended_at"),
        rider_id=_optional(raw, "rider_id", _id),
        driver_id=_optional(raw, "driver_id", _id),
        quote_id=_optional(raw, "quote_id", _id),
        booking_id=_optional(raw, "booking_id", _id),
        booked_at_ms=_optional(raw, "booked_at", _time),
        requested_at_ms=_optional(raw, "requested_at", _time),
        distance_m=_optional(raw, "distance_m", _whole),
        wait_s=_optional(raw, "wait_s", _whole),
        ride_type=_optional(raw, "ride_type", _text),
        surge_multiplier=_optional(raw, "surge_multiplier", number),
        base_fare_minor=base[0] if base else None,
        total_fare_minor=total[0] if total else None,
        currency=(base or total or (0, None))[1],
        price_source=_optional(raw, "price_source", _text),
    )


def weather(raw: Json) -> WeatherObservation:
    """An observation from its JSON form."""
    return WeatherObservation(
        _time(raw["t"], "t"),
        number(raw["lat"], "lat", -90, 90),
        number(raw["lon"], "lon", -180, 180),
        *(number(raw[name], name) for name in _WEATHER_NUMBERS[2:]),
    )


_WEATHER_NUMBERS = ("lat", "lon", "temperature_c", "rain_mm", "humidity", "wind_ms")
_EVENTS: dict[str, Callable[[Json], Event]] = {
    "driver-pings": ping,
    "ride-requests": ride_request,
    "trips": trip,
    "weather": weather,
}


def _trip_json(event: Trip) -> Json:
    return {
        "trip_id": event.trip_id,
        "pickup": _place_json(event.pickup),
        "dropoff": _place_json(event.dropoff),
        "started_at": format_rfc3339(event.started_at_ms),
        "ended_at": format_rfc3339(event.ended_at_ms),
        "rider_id": event.rider_id,
        "driver_id": event.driver_id,
        "quote_id": event.quote_id,
        "booking_id": event.booking_id,
        "booked_at": None if event.booked_at_ms is None else format_rfc3339(event.booked_at_ms),
        "requested_at": None if event.requested_at_ms is None else format_rfc3339(event.requested_at_ms),
        "distance_m": event.distance_m,
        "wait_s": event.wait_s,
        "ride_type": event.ride_type,
        "surge_multiplier": event.surge_multiplier,
        "base_fare": _money_json(event.base_fare_minor, event.currency),
        "total_fare": _money_json(event.total_fare_minor, event.currency),
        "price_source": event.price_source,
    }


def _place_json(place: Place | None) -> Json | None:
    return None if place is None else {"lat": place.lat, "lon": place.lon}


def _money_json(minor: int | None, currency: str | None) -> Json | None:
    return None if minor is None else {"amount_minor": minor, "currency": currency}


def number(value: object, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number within bounds; booleans are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high or math.isinf(value):
        raise InvalidInput(f"{name} must be a number between {low:g} and {high:g}, got {value!r}")
    return float(value)


def _whole(value: object, name: str) -> int:
    if type(value) is not int:
        raise InvalidInput(f"{name} must be a whole number, got {value!r}")
    return value


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be text, got {value!r}")
    return value


def _id(value: object, name: str) -> str:
    if not isinstance(value, str) or not is_id(value):
        raise InvalidInput(f"{name} must be an id, got {str(value)[:80]!r}")
    return value


def _time(value: object, name: str) -> int:
    return parse_rfc3339(_text(value, name))


def _one_of(value: object, name: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InvalidInput(f"{name} must be one of {' '.join(allowed)}, got {value!r}")
    return str(value)


def _needed_place(value: object, name: str) -> Place:
    if not isinstance(value, dict) or not {"lat", "lon"} <= value.keys():
        raise InvalidInput(f"{name} must be a place with lat and lon, got {value!r}")
    return Place(number(value["lat"], f"{name}.lat", -90, 90), number(value["lon"], f"{name}.lon", -180, 180))


def _place(value: object, name: str) -> Place | None:
    return None if value is None else _needed_place(value, name)


def _money(value: object, name: str) -> tuple[int, str | None] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise InvalidInput(f"{name} must be amount_minor and currency, got {value!r}")
    currency = value.get("currency")
    return _whole(value.get("amount_minor"), name), None if currency is None else _text(currency, name)


def _optional(raw: Json, name: str, read: Callable[[Any, str], Any]) -> Any:
    value = raw.get(name)
    return None if value is None else read(value, name)
