"""The end of a partition in its log: rows before the seal count, what comes after it is kept as dead letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.adapters.test_kafka_decode import T_MS, record
from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.kafka_client import ARROW, JSON
from wayfare.adapters.kafka_decode import Decoder
from wayfare.adapters.kafka_events import KIND_HEADER, SEAL, TICK
from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams.columns import PingColumns, Unreadable
from wayfare.domain.streams.events import DriverPing, Seal
from wayfare.domain.streams.partition import partition_of

TOLD = Seal("driver-pings.g2x3", {"sf": T_MS, "ny": T_MS + 5})
PINGS = [DriverPing(f"d{i}", T_MS, 37.7, -122.4, "available") for i in range(9)]


def seal(offset: int, value: bytes = json_events.seal_bytes(TOLD)):
    return record(value, offset, JSON, (KIND_HEADER, SEAL))


def ping(offset: int):
    return record(json_events.record_bytes(PINGS[offset % 9], "sf", T_MS), offset)


def test_rows_before_it_count_and_those_after_it_are_set_aside_whatever_their_form():
    packed = record(arrow_events.pack("driver-pings", "sf", PINGS, T_MS), 4, ARROW)
    tick = record(json_events.tick_bytes({"sf": T_MS + 9}), 5, JSON, (KIND_HEADER, TICK))
    damaged = record(b"no arrow", 6, ARROW)
    decoder = Decoder("driver-pings", 0, 1)
    first = decoder.decode([ping(0), ping(1), seal(2), ping(3), packed, tick, damaged])
    assert first.sealed == (2, TOLD)
    assert first.last_offset == 6
    counted = [part for part in first.segments["sf"] if isinstance(part, PingColumns)]
    assert [part.offset.tolist() for part in counted] == [[0, 1]]
    assert [part for part in first.segments["sf"] if isinstance(part, Unreadable)] == [
        (3, "sealed", 1),
        (4, "sealed", 9),
    ]
    assert [(one.offset, one.reason) for one in first.dead] == [(3, "sealed"), (4, "sealed"), (6, "sealed")]
    assert "driver-pings.g2x3" in first.dead[0].error
    again = decoder.decode([ping(7), seal(8)])
    assert again.sealed is None
    assert [(one.offset, one.reason) for one in again.dead] == [(7, "sealed")]
    restored = Decoder("driver-pings", 0, 1, TOLD.successor).decode([ping(7)])
    assert [(one.offset, one.reason) for one in restored.dead] == [(7, "sealed")]


@pytest.mark.parametrize(
    "value", [b"", b"{}", b'{"schema": 1, "seal": 7}', b'{"schema": 1, "seal": {"successor": 1, "at": {}}}', b"[]"]
)
def test_a_seal_that_cannot_be_read_ends_nothing_and_counts_as_no_row(value):
    found = Decoder("driver-pings", 0, 1).decode([seal(0, value), ping(1)])
    assert found.sealed is None
    assert [(one.offset, one.reason, one.rows) for one in found.dead] == [(0, "unreadable", 0)]
    assert [part.offset.tolist() for part in found.segments["sf"] if isinstance(part, PingColumns)] == [[1]]


@given(st.integers(1, 12))
def test_a_packed_record_is_sent_again_row_by_row_where_each_belongs(partitions):
    parts = arrow_events.apart("driver-pings", arrow_events.pack("driver-pings", "sf", PINGS, T_MS), partitions)
    found = {}
    for owner, value in parts.items():
        for event, city, received_ms in arrow_events.events_of(
            "driver-pings", arrow_events.unpack("driver-pings", value)
        ):
            assert (partition_of(event.identity, partitions), city, received_ms) == (owner, "sf", T_MS)
            found[event.identity] = event
    assert found == {one.driver_id: one for one in PINGS}


def test_who_sent_each_row_goes_with_it():
    rows = [json_events.recorded("driver-pings", json_events.record_bytes(one, "sf", T_MS)) for one in PINGS]
    packed = arrow_events.write(arrow_events.batch_of("driver-pings", rows), [f"s{i}" for i in range(9)])
    told = {}
    for value in arrow_events.apart("driver-pings", packed, 4).values():
        events = arrow_events.events_of("driver-pings", arrow_events.unpack("driver-pings", value))
        told |= dict(zip([event.identity for event, _c, _m in events], arrow_events.senders_of(value), strict=True))
    assert told == {f"d{i}": f"s{i}" for i in range(9)}
    with pytest.raises(InvalidInput):
        arrow_events.apart("driver-pings", b"no arrow", 4)
