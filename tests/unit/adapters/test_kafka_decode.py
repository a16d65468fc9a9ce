"""Records as columns: JSON and packed alike, and everything that cannot be read set aside with its reason."""

from __future__ import annotations

import dataclasses
import json
from collections import namedtuple
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.json_columns import columns_of
from wayfare.adapters.kafka_client import ARROW, JSON
from wayfare.adapters.kafka_decode import MOST_TRACED, Decoder
from wayfare.adapters.kafka_events import KIND_HEADER, TICK
from wayfare.domain.city import Place
from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams.columns import PingColumns, TickAt, Unreadable
from wayfare.domain.streams.events import NO_CITY, PING_STATUSES, DriverPing, Recorded
from wayfare.domain.streams.partition import partition_of
from wayfare.domain.times import format_rfc3339

Record = namedtuple("Record", "offset key value headers")
T_MS = 1_700_000_000_000


def record(value: bytes, offset: int = 0, kind: str = JSON, *extra: tuple[str, bytes]) -> Record:
    return Record(offset, b"", value, [("content-type", kind.encode()), *extra])


def decode(records: list[Record], topic: str = "driver-pings", partition: int = 0, partitions: int = 1) -> Any:
    return Decoder(topic, partition, partitions).decode(records)


def rows_of(columns: PingColumns) -> list[tuple[Any, ...]]:
    nan = [(None if np.isnan(a) else (a, b)) for a, b in zip(columns.drop_lat, columns.drop_lon, strict=True)]
    return list(
        zip(
            columns.offset.tolist(), columns.ids, columns.t_ms.tolist(), columns.received_ms.tolist(), columns.lat.tolist(),
            columns.lon.tolist(), columns.status.tolist(), nan, strict=True,
        )
    )  # fmt: skip


PING = st.builds(
    DriverPing,
    st.from_regex(r"[A-Za-z0-9._:-]{1,64}", fullmatch=True),
    st.integers(0, 4_000_000_000_000),
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.sampled_from(PING_STATUSES),
    st.none() | st.builds(Place, st.floats(-90, 90), st.floats(-180, 180)),
)


@given(st.lists(PING, min_size=1, max_size=20))
def test_a_json_block_and_a_packed_record_give_the_columns_of_their_events(pings):
    expected = columns_of([Recorded(p, "sf", T_MS) for p in pings], np.arange(len(pings)))
    loose = decode([record(json_events.record_bytes(p, "sf", T_MS), i) for i, p in enumerate(pings)])
    packed = decode([record(arrow_events.pack("driver-pings", "sf", pings, T_MS), 0, ARROW)])
    assert loose.dead == packed.dead == []
    assert rows_of(loose.segments["sf"][0]) == rows_of(expected)
    assert [row[1:] for row in rows_of(packed.segments["sf"][0])] == [row[1:] for row in rows_of(expected)]


def _raw(**changes: Any) -> bytes:
    raw = {
        "schema": 1, "city": "sf", "received_at": "2023-11-14T22:13:20Z", "driver_id": "d1", "t": "2023-11-14T22:13:20Z",
        "lat": 37.7, "lon": -122.4, "status": "available",
    }  # fmt: skip
    return json.dumps({k: v for k, v in (raw | changes).items() if v is not ...}).encode()


BAD = {
    "not JSON": b"{",
    "not an object": b"[1]",
    "another schema": _raw(schema=2),
    "no schema": _raw(schema=...),
    "no driver": _raw(driver_id=...),
    "an id with a space": _raw(driver_id="a b"),
    "a number for an id": _raw(driver_id=7),
    "text for a number": _raw(lat="37.7"),
    "true for a number": _raw(lat=True),
    "a latitude beyond the pole": _raw(lat=90.5),
    "a drop-off beyond the date line": _raw(dropoff={"lat": 1, "lon": 181}),
    "a drop-off without lon": _raw(dropoff={"lat": 1}),
    "an unknown status": _raw(status="flying"),
    "a time without Z": _raw(t="2023-11-14T22:13:20"),
    "a time with an offset": _raw(t="2023-11-14T22:13:20+00:00Z"),
    "a month that does not exist": _raw(t="2023-13-14T22:13:20Z"),
    "a time with spaces": _raw(t="2023-11-14 22:13:20Z"),
    "a time in a year that does not exist": _raw(t="0000-01-01T00:00:00Z"),
    "a numeric time": _raw(t=1700000000),
    "no city": _raw(city=...),
    "empty": b"",
    "not UTF-8": b"\xff\xfe{}",
    "a huge number": _raw(lat=10**400) if False else b'{"schema":1,"lat":' + b"9" * 400 + b"}",
}


@pytest.mark.parametrize("what", BAD)
def test_a_record_that_cannot_be_read_is_set_aside_and_its_neighbours_are_not(what):
    out = decode([record(_raw(), 0), record(BAD[what], 1), record(_raw(driver_id="d2"), 2)])
    assert [(d.offset, d.value, d.reason, d.rows) for d in out.dead] == [(1, BAD[what], "unreadable", 1)]
    assert out.dead[0].error
    kept = [i for segment in out.segments["sf"] if isinstance(segment, PingColumns) for i in segment.ids]
    assert kept == ["d1", "d2"]
    refused = [s for part in out.segments.values() for s in part if isinstance(s, Unreadable)]
    assert refused == [Unreadable(1, "unreadable", 1)]


@given(st.sampled_from(["t", "received_at"]), st.integers(0, 4 * 10**12), st.integers(0, 9))
def test_times_of_any_precision_are_read_alike(name, ms, digits):
    text = format_rfc3339(ms)[:19] + (("." + f"{ms % 1000:03d}000000"[:digits]) if digits else "") + "Z"
    (columns,) = decode([record(_raw(**{name: text}))]).segments["sf"]
    found = columns.t_ms if name == "t" else columns.received_ms
    assert found.tolist() == [
        ms // 1000 * 1000 + int(f"{ms % 1000:03d}"[: min(digits, 3)].ljust(3, "0") if digits else 0)
    ]


def test_fields_that_this_version_does_not_know_are_ignored():
    assert decode([record(_raw(colour="red"))]).dead == []


def test_ticks_are_time_and_no_rows_and_a_broken_one_counts_as_none():
    good = record(json_events.tick_bytes({"sf": T_MS, "ny": T_MS + 5}), 0, JSON, (KIND_HEADER, TICK))
    broken = record(b'{"schema":1,"tick":3}', 1, JSON, (KIND_HEADER, TICK))
    out = decode([good, broken])
    assert out.segments == {"sf": [TickAt(0, T_MS)], "ny": [TickAt(0, T_MS + 5)]}
    assert [d.rows for d in out.dead] == [0]
    assert out.last_offset == 1


def test_an_identity_of_another_partition_is_set_aside_loose_or_packed():
    mine, other = (next(f"d{i}" for i in range(99) if partition_of(f"d{i}", 4) == p) for p in (0, 1))
    pings = [DriverPing(d, T_MS, 37.7, -122.4, "available") for d in (mine, other)]
    loose = decode([record(json_events.record_bytes(p, "sf", T_MS), i) for i, p in enumerate(pings)], partitions=4)
    packed = decode([record(arrow_events.pack("driver-pings", "sf", pings, T_MS), 0, ARROW)], partitions=4)
    for out in (loose, packed):
        assert [(d.reason, d.rows) for d in out.dead] == [("foreign_partition", 1)]
        assert [i for s in out.segments["sf"] if isinstance(s, PingColumns) for i in s.ids] == [mine]
        assert sum(s.rows for s in out.segments["sf"] if isinstance(s, Unreadable)) == 1


FOUR = [f"d-{i}" for i in range(4)]
MANY = arrow_events.pack(
    "driver-pings", "sf", [DriverPing(f"other-{i}", T_MS, 37.7, -122.4, "available") for i in range(100)], T_MS
)
assert {partition_of(driver, 2) for driver in FOUR} == {0, 1}


@given(
    st.lists(PING, min_size=1, max_size=20), st.lists(st.integers(0, 3), min_size=20, max_size=20), st.integers(0, 20)
)
def test_rows_whose_drivers_are_known_are_read_as_those_whose_are_not(pings, whose, unsound):
    pings = [dataclasses.replace(ping, driver_id=FOUR[i]) for ping, i in zip(pings, whose, strict=False)]
    if unsound < len(pings):
        pings[unsound] = dataclasses.replace(pings[unsound], driver_id="a driver")
    packed = [record(arrow_events.pack("driver-pings", "sf", pings, T_MS), 9, ARROW)]
    knowing = Decoder("driver-pings", 0, 2)
    knowing.decode([record(MANY, 0, ARROW)])
    first, second = Decoder("driver-pings", 0, 2).decode(packed), knowing.decode(packed)
    assert first.dead == second.dead
    assert first.segments.keys() == second.segments.keys()
    for city, segments in first.segments.items():
        for one, other in zip(segments, second.segments[city], strict=True):
            assert rows_of(one) == rows_of(other) if isinstance(one, PingColumns) else one == other


def test_a_content_type_that_is_neither_is_set_aside():
    assert decode([record(b"x", 0, "text/plain")]).dead[0].error.endswith("got b'text/plain'")


def _packed(**columns: list[Any]) -> bytes:
    base = arrow_events.unpack("driver-pings", arrow_events.pack("driver-pings", "sf", _two(), T_MS))
    held = {name: base.column(name) for name in base.schema.names} | {
        name: pa.array(values, base.schema.field(name).type) for name, values in columns.items()
    }
    schema = pa.schema([f.with_nullable(True) for f in base.schema], metadata=base.schema.metadata)
    return arrow_events.write(pa.record_batch(list(held.values()), schema))


def _two() -> list[DriverPing]:
    return [DriverPing(d, T_MS, 37.7, -122.4, "available") for d in ("d1", "d2")]


@pytest.mark.parametrize(
    "columns",
    [
        {"lat": [None, 37.7]}, {"lat": [float("nan"), 37.7]}, {"lon": [float("inf"), 1.0]}, {"lat": [91.0, 1.0]},
        {"driver_id": [None, "d2"]}, {"driver_id": ["a b", "d2"]}, {"status": ["flying", "offline"]}, {"t": [None, 5]},
        {"city": [None, "sf"]}, {"dropoff_lat": [-91.0, None]}, {"received_at": [None, 5]},
    ],
)  # fmt: skip
def test_an_unsound_row_of_a_packed_record_is_set_aside_and_the_others_are_kept(columns):
    out = decode([record(_packed(**columns), 4, ARROW)])
    assert [(d.offset, d.rows) for d in out.dead] == [(4, 1)]
    assert [list(s.ids) for s in out.segments["sf"] if isinstance(s, PingColumns)] == [["d2"]]


def test_a_packed_record_of_two_cities_gives_each_its_rows():
    out = decode([record(_packed(city=["sf", "ny"]), 4, ARROW)])
    assert {city: list(parts[0].ids) for city, parts in out.segments.items()} == {"sf": ["d1"], "ny": ["d2"]}


def test_a_field_that_points_beyond_the_record_is_refused():
    damaged = bytearray(arrow_events.pack("driver-pings", "sf", _two(), T_MS))
    damaged[21] ^= 6
    assert [d.reason for d in decode([record(bytes(damaged), 0, ARROW)]).dead] == ["unreadable"]


def test_a_field_whose_type_python_cannot_hold_is_refused():
    damaged = bytearray(arrow_events.pack("driver-pings", "sf", _two(), T_MS))
    damaged[395] ^= 1  # the type of a column: an interval of days
    (dead,) = decode([record(bytes(damaged), 0, ARROW)]).dead
    assert "of a plain type" in dead.error


def test_a_column_told_twice_is_refused():
    batch = arrow_events.unpack("driver-pings", arrow_events.pack("driver-pings", "sf", _two(), T_MS))
    twice = pa.record_batch([*batch.columns, batch.column("lat")], batch.schema.append(batch.schema.field("lat")))
    (dead,) = decode([record(arrow_events.write(twice), 0, ARROW)]).dead
    assert "once each, got not ['lat']" in dead.error


@given(st.data())
def test_a_packed_record_cut_or_damaged_anywhere_never_stops_the_partition(data):
    whole = bytearray(arrow_events.pack("driver-pings", "sf", _two(), T_MS))
    if data.draw(st.booleans()):
        broken = bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    else:
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
        broken = bytes(whole)
    out = decode([record(broken, 0, ARROW), record(_raw(driver_id="after"), 1)])
    assert out.last_offset == 1
    assert any("after" in s.ids for s in out.segments["sf"] if isinstance(s, PingColumns))


def test_a_packed_record_compressed_by_arrow_is_refused_before_it_is_unpacked():
    batch = pa.record_batch({"lat": pa.array(np.zeros(1_000_000))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_batch(batch)
    with pytest.raises(InvalidInput, match="got compression"):
        arrow_events.unpack("driver-pings", bytes(sink.getvalue()))


@pytest.mark.parametrize("kind", ["dictionary", "views", "runs"])
def test_rows_that_share_one_long_text_are_refused_before_they_are_written_out(kind):
    rows = 20_000
    base = arrow_events.unpack("driver-pings", arrow_events.pack("driver-pings", "sf", _two()[:1], T_MS))
    columns = {
        name: pa.array(base.column(name).to_pylist() * rows, base.schema.field(name).type) for name in base.schema.names
    }
    text = "x" * 100_000
    if kind == "dictionary":
        columns["status"] = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array([text]))
    elif kind == "views":
        columns["status"] = pa.array(["available"] * rows, pa.string_view())
    else:
        columns["status"] = pa.RunEndEncodedArray.from_arrays(pa.array([rows], pa.int32()), pa.array([text]))
    schema = pa.schema([pa.field(name, column.type) for name, column in columns.items()], metadata={"schema": "1"})
    value = arrow_events.write(pa.record_batch(list(columns.values()), schema))
    (dead,) = decode([record(value, 0, ARROW)]).dead
    assert "unpacks to at most" in dead.error if kind == "dictionary" else "of a plain type" in dead.error


def test_statuses_told_once_in_a_dictionary_are_read():
    base = arrow_events.unpack("driver-pings", arrow_events.pack("driver-pings", "sf", _two(), T_MS))
    held = {name: base.column(name) for name in base.schema.names} | {
        "status": base.column("status").dictionary_encode()
    }
    schema = pa.schema([pa.field(name, column.type) for name, column in held.items()], metadata={"schema": "1"})
    out = decode([record(arrow_events.write(pa.record_batch(list(held.values()), schema)), 0, ARROW)])
    assert (out.dead, list(out.segments["sf"][0].ids)) == ([], ["d1", "d2"])


def test_a_packed_record_without_a_column_names_it():
    batch = pa.record_batch({"city": ["sf"]}).replace_schema_metadata({"schema": "1"})
    out = decode([record(arrow_events.write(batch), 0, ARROW)])
    assert "driver_id" in out.dead[0].error
    assert out.segments[NO_CITY] == [Unreadable(0, "unreadable", 1)]


@pytest.mark.parametrize("flags", ["01", "03"])
def test_recorded_traces_are_followed_up_to_a_bound(flags):
    stamped = namedtuple("Stamped", "offset key value headers timestamp")
    sampled, unasked = (f"00-{'a' * 32}-{'b' * 16}-{told}".encode() for told in (flags, "02"))
    records = [
        stamped(i, b"", _raw(), [*record(b"").headers, ("traceparent", sampled if i % 2 else unasked)], 1_000 + i)
        for i in range(2 * MOST_TRACED + 50)
    ]
    traced = decode(records).traced
    assert len(traced) == MOST_TRACED
    assert traced[0] == (1, sampled.decode(), 1_001)
