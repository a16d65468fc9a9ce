"""Columns of the stream's state straight from packed records, without an object per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from wayfare.adapters import arrow_events
from wayfare.domain.ids import is_id
from wayfare.domain.streams.columns import Columns, Identities, PingColumns, RequestColumns, WeatherColumns
from wayfare.domain.streams.events import PING_STATUSES, REQUEST_STATUSES, Recorded

C = TypeVar("C", bound=Columns)

_STATUSES = {"driver-pings": pa.array(PING_STATUSES), "ride-requests": pa.array(REQUEST_STATUSES)}
_IDS = {"driver-pings": "driver_id", "ride-requests": "request_id"}


class Read(NamedTuple):
    """Sound rows by city in the batch's order, how many rows were not sound, and what was wrong."""

    cities: list[tuple[str, Columns]]
    unreadable: int
    error: str


def read(
    topic: str,
    batch: pa.RecordBatch,
    offset: int | npt.NDArray[np.int64],
    known: set[str] | frozenset[str] = frozenset(),
) -> Read:
    """The rows of packed records as columns. offset: of the record, or of each row. known: ids of good form."""
    count = batch.num_rows
    if count == 0:
        return Read([], 0, "")
    sound = np.ones(count, bool)
    required = [field.name for field in arrow_events.SCHEMAS[topic] if not field.nullable]
    for name in required:
        if batch.column(name).null_count:
            sound &= batch.column(name).is_valid().to_numpy(zero_copy_only=False)
    place: dict[str, npt.NDArray[np.float64]] = {}
    for field in arrow_events.SCHEMAS[topic]:
        if field.type == pa.float64():
            place[field.name] = _floats(batch, field.name)
            if not field.nullable:
                sound &= np.isfinite(place[field.name])
    for name, values in place.items():
        limit = 90.0 if name.endswith("lat") else 180.0 if name.endswith("lon") else np.inf
        sound &= ~(np.abs(values) > limit)
    if topic == "weather":
        return _weather(batch, sound, np.full(count, offset, np.int64))
    status = pc.fill_null(pc.index_in(batch.column("status"), _STATUSES[topic]), -1).to_numpy().astype(np.int8)
    sound &= status >= 0
    ids = _identities(batch.column(_IDS[topic]), len(known))
    if not known.issuperset(ids.distinct):
        wrong = {identity for identity in set(ids.distinct) - known if not (identity and is_id(identity))}
        if wrong:
            sound &= np.array([identity not in wrong for identity in ids])
    offsets = np.full(count, offset, np.int64)
    columns: PingColumns | RequestColumns
    if topic == "driver-pings":
        columns = PingColumns(
            offsets, _ints(batch, "received_at"), ids, _ints(batch, "t"), place["lat"], place["lon"], status,
            place["dropoff_lat"], place["dropoff_lon"],
        )  # fmt: skip
    else:
        opened = status == REQUEST_STATUSES.index("opened")
        sound &= ~(opened & (np.isnan(place["pickup_lat"]) | np.isnan(place["pickup_lon"])))
        columns = RequestColumns(
            offsets, _ints(batch, "received_at"), ids, _ints(batch, "t"), place["pickup_lat"], place["pickup_lon"], status
        )  # fmt: skip
    bad = int(count - sound.sum())
    error = "a packed row has sound values in every column that is not nullable, within bounds" if bad else ""
    return Read(_by_city(batch, columns, sound), bad, error + (f", got {bad} others" if bad else ""))


def block(records: Sequence[tuple[int, pa.RecordBatch]]) -> tuple[pa.RecordBatch, npt.NDArray[np.int64]]:
    """The rows of several packed records, given by their offsets, as one batch, and the offset of each row."""
    names = records[0][1].schema.names
    columns = [pa.concat_arrays([batch.column(at) for _offset, batch in records]) for at in range(len(names))]
    offsets = np.repeat([offset for offset, _batch in records], [batch.num_rows for _offset, batch in records])
    return pa.record_batch(columns, names), offsets


def _weather(batch: pa.RecordBatch, sound: npt.NDArray[np.bool_], offsets: npt.NDArray[np.int64]) -> Read:
    at = np.flatnonzero(sound)
    kept = batch.take(pa.array(at))
    rows: dict[str, list[tuple[int, Recorded]]] = {}
    for offset, (event, city, received_ms) in zip(
        offsets[at].tolist(), arrow_events.events_of("weather", kept), strict=True
    ):
        rows.setdefault(city, []).append((offset, Recorded(event, city, received_ms)))
    parts: list[tuple[str, Columns]] = []
    for city, of_city in rows.items():
        received = np.array([row.received_at_ms for _offset, row in of_city], np.int64)
        own = np.array([offset for offset, _row in of_city], np.int64)
        parts.append((city, WeatherColumns(own, received, [row for _offset, row in of_city])))
    bad = int(batch.num_rows - sound.sum())
    return Read(parts, bad, f"a packed observation has finite values within bounds, got {bad} others" if bad else "")


def _by_city(batch: pa.RecordBatch, columns: Any, sound: npt.NDArray[np.bool_]) -> list[tuple[str, Columns]]:
    first = batch.column("city")[0]
    if sound.all() and first.is_valid and pc.all(pc.equal(batch.column("city"), first)).as_py():
        return [(first.as_py(), columns)]
    cities = pc.dictionary_encode(batch.column("city"))
    names = cities.dictionary.to_pylist()
    codes = pc.fill_null(cities.indices, -1).to_numpy()
    parts = []
    for code, city in enumerate(names):
        rows = np.flatnonzero((codes == code) & sound)
        if len(rows):
            parts.append((city, take(columns, rows)))
    return parts


def identities(columns: Columns) -> Identities:
    """What the log partitions the rows by."""
    if isinstance(columns, WeatherColumns):
        return Identities.of([row.event.identity for row in columns.rows])
    return columns.ids


def _identities(column: pa.StringArray, known: int) -> Identities:
    """Distinct ones first where many rows must be of the same: there are more than twice as many as identities known."""
    if len(column) <= 2 * known or column.null_count:
        return Identities.of(column.to_pylist())
    encoded = column.dictionary_encode()
    return Identities(encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64))


def take(columns: C, rows: npt.NDArray[np.int64]) -> C:
    """Some rows, in the order given."""
    values: dict[str, Any] = {}
    for name in columns.__slots__:
        value: Any = getattr(columns, name)
        if isinstance(value, Identities):
            values[name] = value.take(rows)
        else:
            values[name] = value[rows] if isinstance(value, np.ndarray) else [value[i] for i in rows.tolist()]
    return type(columns)(**values)


def _ints(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.int64]:
    column = batch.column(name).view(pa.int64())
    return np.asarray((pc.fill_null(column, 0) if column.null_count else column).to_numpy(), np.int64)


def _floats(batch: pa.RecordBatch, name: str) -> npt.NDArray[np.float64]:
    return np.asarray(batch.column(name).to_numpy(zero_copy_only=False), np.float64)
