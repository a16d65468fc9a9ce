"""JSON events as columns: of any kind one by one, and pings by whole columns.

The quick path reads fields without judging them one by one and checks whole columns afterwards; a block that fails a check
is read again event by event, so what is refused, and why, is decided by `json_events` alone.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from wayfare.adapters import arrow_columns, json_pings
from wayfare.domain.streams.columns import Identities, PingColumns, RequestColumns, WeatherColumns
from wayfare.domain.streams.events import (
    REQUEST_STATUSES,
    SCHEMA,
    DriverPing,
    Recorded,
    RideRequest,
    WeatherObservation,
)

_REQUEST_STATUS = {status: i for i, status in enumerate(REQUEST_STATUSES)}


def columns_of(rows: Sequence[Recorded], offsets: npt.NDArray[np.int64]) -> Any:
    """Columns of events of one kind and city."""
    received = np.array([row.received_at_ms for row in rows], np.int64)
    events: list[Any] = [row.event for row in rows]
    if isinstance(events[0], WeatherObservation):
        return WeatherColumns(offsets, received, list(rows))
    ids = Identities.of([event.identity for event in events])
    t_ms = np.array([event.t_ms for event in events], np.int64)
    if isinstance(events[0], RideRequest):
        pickups = [event.pickup or (np.nan, np.nan) for event in events]
        return RequestColumns(
            offsets, received, ids, t_ms,
            np.array([p[0] for p in pickups], np.float64), np.array([p[1] for p in pickups], np.float64),
            np.array([_REQUEST_STATUS[event.status] for event in events], np.int8),
        )  # fmt: skip
    assert isinstance(events[0], DriverPing)
    drops = [event.dropoff or (np.nan, np.nan) for event in events]
    return PingColumns(
        offsets, received, ids, t_ms,
        np.array([event.lat for event in events], np.float64), np.array([event.lon for event in events], np.float64),
        np.array([json_pings.STATUS[event.status] for event in events], np.int8),
        np.array([d[0] for d in drops], np.float64), np.array([d[1] for d in drops], np.float64),
    )  # fmt: skip


_OFFSET = operator.attrgetter("offset")
_PING_FIELDS = operator.itemgetter("schema", "city", "received_at", *json_pings.FIELDS)


def quick_pings(records: list[Any], known: Set[str]) -> list[tuple[str, PingColumns]] | None:
    """Columns by city of a block of pings that are all sound; None to have them judged one by one. known: ids."""
    try:
        rows = [orjson.loads(record.value) for record in records]
        schemas, cities, received, *fields = zip(*map(_PING_FIELDS, rows), strict=True)
        pings = json_pings.batch_of(fields, [row.get("dropoff") for row in rows], known)
    except (orjson.JSONDecodeError, *json_pings.NOT_USUAL):
        return None
    if pings is None or set(schemas) != {SCHEMA} or set(map(type, cities)) != {str}:
        return None
    received_ms = json_pings.times_of(received)
    if received_ms is None:
        return None
    offsets = np.fromiter(map(_OFFSET, records), np.int64, len(records))
    columns = PingColumns(
        offsets, received_ms, Identities.of(pings.ids), pings.t_ms, pings.lat, pings.lon, pings.status, pings.drop_lat,
        pings.drop_lon,
    )  # fmt: skip
    names = dict.fromkeys(cities)
    if len(names) == 1:
        return [(cities[0], columns)]
    of = np.array(cities)
    return [(city, arrow_columns.take(columns, np.flatnonzero(of == city))) for city in names]
