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

from wayfare.adapters import arrow_columns
from wayfare.domain.ids import is_id
from wayfare.domain.streams.columns import PingColumns, RequestColumns, WeatherColumns
from wayfare.domain.streams.events import (
    PING_STATUSES,
    REQUEST_STATUSES,
    SCHEMA,
    DriverPing,
    Recorded,
    RideRequest,
    WeatherObservation,
)

_PING_STATUS = {status: i for i, status in enumerate(PING_STATUSES)}
_REQUEST_STATUS = {status: i for i, status in enumerate(REQUEST_STATUSES)}


def columns_of(rows: Sequence[Recorded], offsets: npt.NDArray[np.int64]) -> Any:
    """Columns of events of one kind and city."""
    received = np.array([row.received_at_ms for row in rows], np.int64)
    events: list[Any] = [row.event for row in rows]
    if isinstance(events[0], WeatherObservation):
        return WeatherColumns(offsets, received, list(rows))
    ids = [event.identity for event in events]
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
        np.array([_PING_STATUS[event.status] for event in events], np.int8),
        np.array([d[0] for d in drops], np.float64), np.array([d[1] for d in drops], np.float64),
    )  # fmt: skip


_PING_FIELDS = operator.itemgetter("schema", "city", "driver_id", "t", "received_at", "lat", "lon", "status")


def quick_pings(records: list[Any], known: Set[str]) -> list[tuple[str, PingColumns]] | None:
    """Columns by city of a block of pings that are all sound; None to have them judged one by one. known: ids."""
    try:
        rows = [orjson.loads(record.value) for record in records]
        fields = zip(*map(_PING_FIELDS, rows), strict=True)
        schemas, cities, ids, t, received, lat, lon, statuses = fields
        drops = [row.get("dropoff") for row in rows]
        status = np.array([_PING_STATUS[name] for name in statuses], np.int8)
        numbers = [lat, lon]
        if any(drops):
            numbers += zip(*[(np.nan, np.nan) if d is None else (d["lat"], d["lon"]) for d in drops], strict=True)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None
    if set(schemas) != {SCHEMA} or not {kind for part in numbers for kind in map(type, part)} <= {int, float}:
        return None
    if not set(map(type, ids)) == set(map(type, cities)) == {str} or any(d is not None and not d for d in drops):
        return None
    t_ms, received_ms = _times(t), _times(received)
    if t_ms is None or received_ms is None or not all(map(is_id, set(ids) - known)):
        return None
    at = np.full((4, len(rows)), np.nan)
    try:
        at[: len(numbers)] = numbers
    except OverflowError:
        return None
    with np.errstate(invalid="ignore"):
        if not (np.abs(at[0]) <= 90).all() or not (np.abs(at[1]) <= 180).all():
            return None
        if (np.abs(at[2]) > 90).any() or (np.abs(at[3]) > 180).any():
            return None
    offsets = np.array([record.offset for record in records], np.int64)
    columns = PingColumns(offsets, received_ms, ids, t_ms, at[0], at[1], status, at[2], at[3])
    names = dict.fromkeys(cities)
    if len(names) == 1:
        return [(cities[0], columns)]
    of = np.array(cities)
    return [(city, arrow_columns.take(columns, np.flatnonzero(of == city))) for city in names]


_SHAPE = np.frombuffer(b"0000-00-00T00:00:00", np.uint8)
_PUNCTUATION = ~np.isin(_SHAPE, np.frombuffer(b"0", np.uint8))


def _times(texts: Sequence[str]) -> npt.NDArray[np.int64] | None:
    """Milliseconds of RFC 3339 times with no or three digits after the second; None when any is anything else."""
    if set(map(type, texts)) != {str} or not set(map(len, texts)) <= {20, 24}:
        return None
    try:
        letters = np.array(texts, "S24").view(np.uint8).reshape(len(texts), 24)
    except UnicodeEncodeError:
        return None
    whole = letters[:, :19]
    digits = (letters >= 48) & (letters <= 57)
    long = letters[:, 20] != 0
    ends = np.where(long, letters[:, 23], letters[:, 19]) == ord("Z")
    fraction = ~long | ((letters[:, 19] == ord(".")) & digits[:, 20:23].all(axis=1))
    sound = (whole[:, _PUNCTUATION] == _SHAPE[_PUNCTUATION]).all() and digits[:, :19][:, ~_PUNCTUATION].all()
    if not (sound and ends.all() and fraction.all()):
        return None
    minutes = _minutes(letters)
    if minutes is None or (whole[:, 17] > ord("5")).any():
        return None
    seconds = minutes * 60 + (whole[:, 17:].astype(np.int64) - 48) @ np.array([10, 1])
    parts = letters[:, 20:23].astype(np.int64) - 48
    return np.asarray(seconds * 1000 + np.where(long, parts @ np.array([100, 10, 1]), 0), np.int64)


def _minutes(letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64] | None:
    """Minutes since the epoch of rows of letters; None where there is no such minute. A block holds few of them."""
    texts = np.ascontiguousarray(letters[:, :16]).view("S16").ravel()
    found = np.empty(len(texts), np.int64)
    left = np.arange(len(texts))
    while len(left):
        text = texts[left[0]]
        try:
            minute = int(np.datetime64(text.decode(), "m").astype(np.int64))
        except ValueError:
            return None
        same = texts[left] == text
        found[left[same]] = minute
        left = left[~same]
    return found
