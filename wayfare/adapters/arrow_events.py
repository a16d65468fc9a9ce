"""Packed events: an Arrow IPC stream of one record batch, the same fields as the JSON record, flattened.

`SCHEMAS` is the published form. A column this version does not know is ignored; a column that is missing, or of a type
that does not cast without loss, refuses the batch. Bodies compressed by Arrow are refused, since Kafka compresses whole
batches of records already and an unpacked size is then bounded by the broker's limit on a record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from wayfare.adapters.arrow_bounds import refuse_compressed, refuse_types, unpacked_bytes
from wayfare.domain.city import Place
from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams.events import (
    PING_STATUSES,
    SCHEMA,
    DriverPing,
    Event,
    Recorded,
    RideRequest,
    Trip,
    WeatherObservation,
)
from wayfare.domain.streams.partition import partitions_of
from wayfare.domain.streams.ping_batch import PingBatch, joined

MAX_ROWS = 100_000
"""Most rows of one packed record."""

MAX_UNPACKED_BYTES = 64 * 1024 * 1024
"""Most bytes of its columns as `SCHEMAS` has them: sixteen times the largest record, for texts told once in a dictionary."""

_TIME = pa.timestamp("ms", "UTC")


def _schema(*fields: tuple[str, pa.DataType, bool]) -> pa.Schema:
    common = [("city", pa.string(), False), ("received_at", _TIME, False)]
    return pa.schema(
        [pa.field(name, kind, nullable) for name, kind, nullable in [*common, *fields]],
        metadata={"schema": str(SCHEMA)},
    )


SCHEMAS: dict[str, pa.Schema] = {
    "driver-pings": _schema(
        ("driver_id", pa.string(), False),
        ("t", _TIME, False),
        ("lat", pa.float64(), False),
        ("lon", pa.float64(), False),
        ("status", pa.string(), False),
        ("dropoff_lat", pa.float64(), True),
        ("dropoff_lon", pa.float64(), True),
    ),
    "ride-requests": _schema(
        ("request_id", pa.string(), False),
        ("rider_id", pa.string(), False),
        ("t", _TIME, False),
        ("status", pa.string(), False),
        ("pickup_lat", pa.float64(), True),
        ("pickup_lon", pa.float64(), True),
        ("dropoff_lat", pa.float64(), True),
        ("dropoff_lon", pa.float64(), True),
        ("quote_id", pa.string(), True),
        ("booking_id", pa.string(), True),
    ),
    "trips": _schema(
        ("trip_id", pa.string(), False),
        ("pickup_lat", pa.float64(), False),
        ("pickup_lon", pa.float64(), False),
        ("dropoff_lat", pa.float64(), False),
        ("dropoff_lon", pa.float64(), False),
        ("started_at", _TIME, False),
        ("ended_at", _TIME, False),
        ("rider_id", pa.string(), True),
        ("driver_id", pa.string(), True),
        ("quote_id", pa.string(), True),
        ("booking_id", pa.string(), True),
        ("booked_at", _TIME, True),
        ("requested_at", _TIME, True),
        ("distance_m", pa.int64(), True),
        ("wait_s", pa.int64(), True),
        ("ride_type", pa.string(), True),
        ("surge_multiplier", pa.float64(), True),
        ("base_fare_minor", pa.int64(), True),
        ("total_fare_minor", pa.int64(), True),
        ("currency", pa.string(), True),
        ("price_source", pa.string(), True),
    ),
    "weather": _schema(
        ("t", _TIME, False),
        ("lat", pa.float64(), False),
        ("lon", pa.float64(), False),
        ("temperature_c", pa.float64(), False),
        ("rain_mm", pa.float64(), False),
        ("humidity", pa.float64(), False),
        ("wind_ms", pa.float64(), False),
    ),
}
"""Columns and types of a packed record, by topic. The schema number is in the metadata of the Arrow schema."""


SENDER = "sender"
"""A column beside those of the topic, where rows of several senders are in one record: subject of the token of each."""


def pack(topic: str, city: str, events: Sequence[Event], received_at_ms: int) -> bytes:
    """The packed record of some events of one topic, city and partition."""
    return write(batch_of(topic, [Recorded(event, city, received_at_ms) for event in events]))


def batch_of(topic: str, rows: Sequence[Recorded]) -> pa.RecordBatch:
    """Some rows of one topic as `SCHEMAS` has them."""
    schema = SCHEMAS[topic]
    events = [row.event for row in rows]
    columns: dict[str, list[Any]] = {
        "city": [row.city for row in rows],
        "received_at": [row.received_at_ms for row in rows],
    }
    for field in schema:
        if field.name not in columns:
            read = _READ.get(field.name)
            name = f"{field.name}_ms" if field.type == _TIME else field.name
            columns[field.name] = [read(event) if read else getattr(event, name) for event in events]
    arrays = [
        pa.array(columns[field.name], pa.int64()).view(_TIME)
        if field.type == _TIME
        else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    return pa.record_batch(arrays, schema)


def batch_of_pings(parts: Sequence[tuple[str, int, PingBatch]]) -> pa.RecordBatch:
    """Pings that stand in columns as `SCHEMAS` has them; parts: the city and `received_at` in ms of each, in order."""
    pings = joined([part for _city, _ms, part in parts])
    counts = [len(part) for _city, _ms, part in parts]
    cities = pa.array([city for city, _ms, _part in parts], pa.string()).take(
        pa.array(np.repeat(range(len(parts)), counts))
    )
    received = np.repeat(np.array([ms for _city, ms, _part in parts], np.int64), counts)
    without = np.isnan(pings.drop_lat)
    arrays = [
        cities,
        pa.array(received).view(_TIME),
        pa.array(pings.ids, pa.string()),
        pa.array(pings.t_ms).view(_TIME),
        pa.array(pings.lat),
        pa.array(pings.lon),
        _PING_STATUSES.take(pa.array(pings.status)),
        pa.array(pings.drop_lat, mask=without),
        pa.array(pings.drop_lon, mask=without),
    ]
    return pa.record_batch(arrays, SCHEMAS["driver-pings"])


_PING_STATUSES = pa.array(PING_STATUSES)


def write(batch: pa.RecordBatch, senders: Sequence[str] | None = None) -> bytes:
    """A record batch as an Arrow IPC stream; senders: who sent each row, where they are several."""
    if senders is not None:
        schema = batch.schema.append(pa.field(SENDER, pa.string(), False))
        batch = pa.record_batch([*batch.columns, pa.array(senders, pa.string())], schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def unpack(topic: str, value: bytes) -> pa.RecordBatch:
    """The rows of a packed record in the columns and types of `SCHEMAS`; InvalidInput when that cannot be had.

    Nulls in columns that do not allow them are left for the caller to refuse row by row.
    """
    wanted = SCHEMAS[topic]
    try:
        refuse_compressed(value)
        with pa.ipc.open_stream(value) as stream:
            number = (stream.schema.metadata or {}).get(b"schema")
            if number != str(SCHEMA).encode():
                raise InvalidInput(f"schema must be {SCHEMA}, got {number!r}")
            missing = [field.name for field in wanted if len(stream.schema.get_all_field_indices(field.name)) != 1]
            if missing:
                raise InvalidInput(
                    f"a packed record of {topic} has the columns {wanted.names} once each, got not {missing}"
                )
            refuse_types([stream.schema.field(name) for name in wanted.names])
            rows = size = 0
            batches = []
            for batch in stream:
                rows += batch.num_rows
                if rows > MAX_ROWS:
                    raise InvalidInput(f"a packed record has at most {MAX_ROWS} rows, got {rows}")
                batch.validate(full=True)
                kept = batch.select(wanted.names)
                size += unpacked_bytes(kept)
                if size > MAX_UNPACKED_BYTES:
                    raise InvalidInput(
                        f"a packed record unpacks to at most {MAX_UNPACKED_BYTES} bytes, got {len(value)} that could be {size}"
                    )
                batches.append(kept)
        if not batches:
            return pa.RecordBatch.from_pylist([], wanted)
        if len(batches) == 1 and batches[0].schema.types == wanted.types:
            return batches[0]
        table = pa.Table.from_batches(batches)
        nullable = pa.schema([field.with_nullable(True) for field in wanted], metadata=wanted.metadata)
        if table.schema.types != nullable.types:
            table = table.cast(nullable)
        return table.combine_chunks().to_batches()[0] if rows else pa.RecordBatch.from_pylist([], wanted)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput(f"a packed record is an Arrow IPC stream: {error}, got {len(value)} bytes") from error


def senders_of(value: bytes) -> list[str] | None:
    """Who sent each row of a record that `unpack` takes, where rows of several senders are in it."""
    with pa.ipc.open_stream(value) as stream:
        table = stream.read_all()
    return table[SENDER].to_pylist() if SENDER in table.schema.names else None


def apart(topic: str, value: bytes, partitions: int) -> dict[int, bytes]:
    """A packed record as one for each partition that owns some of its rows, every column kept; InvalidInput as `unpack`."""
    owners = partitions_of([event.identity for event, _city, _ms in events_of(topic, unpack(topic, value))], partitions)
    with pa.ipc.open_stream(value) as stream:
        table = stream.read_all().combine_chunks()
    return {
        owner: write(table.take(np.flatnonzero(owners == owner)).to_batches()[0])
        for owner in np.unique(owners).tolist()
    }


def _part(of: str, part: str) -> Callable[[Any], float | None]:
    def read(event: Any) -> float | None:
        place: Place | None = getattr(event, of)
        return None if place is None else float(getattr(place, part))

    return read


_READ = {f"{of}_{part}": _part(of, part) for of in ("pickup", "dropoff") for part in ("lat", "lon")}


def events_of(topic: str, batch: pa.RecordBatch) -> list[tuple[Event, str, int]]:
    """(event, city, received_at in ms) of each row; for the few who want events rather than columns."""
    columns = {}
    for field in SCHEMAS[topic]:
        column = batch.column(field.name)
        columns[field.name] = (column.cast(pa.int64()) if field.type == _TIME else column).to_pylist()
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [(_event(topic, row), row["city"], row["received_at"]) for row in rows]


_TRIP_TIMES = ("started_at", "ended_at", "booked_at", "requested_at")
_TRIP_FIELDS = [name for name in SCHEMAS["trips"].names[2:] if not name.endswith(("_lat", "_lon"))]


def _event(topic: str, row: dict[str, Any]) -> Event:
    def place(of: str) -> Place | None:
        lat, lon = row[f"{of}_lat"], row[f"{of}_lon"]
        return None if lat is None or lon is None else Place(lat, lon)

    if topic == "driver-pings":
        return DriverPing(row["driver_id"], row["t"], row["lat"], row["lon"], row["status"], place("dropoff"))
    if topic == "ride-requests":
        return RideRequest(
            row["request_id"], row["rider_id"], row["t"], row["status"], place("pickup"), place("dropoff"),
            row["quote_id"], row["booking_id"],
        )  # fmt: skip
    if topic == "trips":
        pickup, dropoff = place("pickup"), place("dropoff")
        if pickup is None or dropoff is None:
            raise InvalidInput("a trip has pickup and dropoff, got null")
        renamed = {f"{name}_ms" if name in _TRIP_TIMES else name: row[name] for name in _TRIP_FIELDS}
        return Trip(pickup=pickup, dropoff=dropoff, **renamed)
    return WeatherObservation(row["t"], *(row[name] for name in SCHEMAS["weather"].names[3:]))
