"""Records of the landed topics as rows of the lake's tables: which city and day each belongs to, and its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.kafka_client import ARROW, JSON, PANE, header
from wayfare.adapters.parquet_tables import TABLES
from wayfare.domain.city import Registry
from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.events import Trip
from wayfare.domain.streams.panes import PANE_MS, PaneRegister
from wayfare.domain.times import parse_rfc3339


class Row(NamedTuple):
    """One row of a table, and where it belongs."""

    city: str
    day: str
    columns: dict[str, Any]
    pane: tuple[str, int] | None = None
    """For a pane: the series it is of (`city|gauge|topic|partition`) and its number; a series only moves forward."""


def rows(topic: str, record: Any, registry: Registry) -> list[Row]:
    """The rows of one record; InvalidInput when it cannot be read or its city is not registered. Ticks have none."""
    kind = header(record.headers, "content-type")
    value: bytes = record.value or b""
    if topic == "panes":
        if kind != PANE:
            raise InvalidInput(f"content-type must be {PANE}, got {kind[:80]!r}")
        return [_pane(pane_bytes.decode((record.key or b"").decode("utf-8", "replace"), value), registry)]
    if kind == ARROW and topic == "trips":
        found = arrow_events.events_of(topic, arrow_events.unpack(topic, value))
        return [_trip(event, city, registry) for event, city, _received in found if isinstance(event, Trip)]
    if kind != JSON:
        raise InvalidInput(f"content-type must be {JSON}, got {kind[:80]!r}")
    raw = json_events.loads(value)
    if "tick" in raw:
        return []
    if topic == "trips":
        recorded = json_events.recorded(topic, value)
        assert isinstance(recorded.event, Trip)
        return [_trip(recorded.event, recorded.city, registry)]
    try:
        t_ms = parse_rfc3339(raw["t"])
        columns = _prediction(raw, t_ms) if topic == "predictions" else _booking(raw, t_ms)
        pa.Table.from_pylist([columns], TABLES[topic])
        return [Row(raw["city"], _day(registry, raw["city"], t_ms), columns)]
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"a record of {topic} lacks {error}, got fields {sorted(raw)}") from error
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise InvalidInput(f"a record of {topic} fits its table: {error}, got {str(columns)[:200]}") from error


def _day(registry: Registry, city: str, ms: int) -> str:
    return registry.get(city).local(ms).strftime("%Y-%m-%d")


def _trip(trip: Trip, city: str, registry: Registry) -> Row:
    columns = {name: getattr(trip, name, None) for name in TABLES["trips"].names}
    columns |= {"pickup_lat": trip.pickup.lat, "pickup_lon": trip.pickup.lon}
    columns |= {"dropoff_lat": trip.dropoff.lat, "dropoff_lon": trip.dropoff.lon}
    return Row(city, _day(registry, city, trip.started_at_ms), columns)


def _pane(register: PaneRegister, registry: Registry) -> Row:
    columns = {name: getattr(register, name) for name in TABLES["panes"].names}
    series = register.key.rsplit("|", 1)[0]
    day = _day(registry, register.city, register.pane * PANE_MS)
    return Row(register.city, day, columns, (series, register.pane))


def _prediction(raw: Mapping[str, Any], t_ms: int) -> dict[str, Any]:
    return {name: raw.get(name) for name in TABLES["predictions"].names} | {"t_ms": t_ms, "quote_id": raw["quote_id"]}


def _booking(raw: Mapping[str, Any], t_ms: int) -> dict[str, Any]:
    price = raw.get("price") or {}
    return {
        "quote_id": raw["quote_id"],
        "booking_id": raw.get("booking_id"),
        "rider": raw.get("rider"),
        "price_minor": price.get("amount_minor"),
        "currency": price.get("currency"),
        "outcome": raw["outcome"],
        "t_ms": t_ms,
    }
