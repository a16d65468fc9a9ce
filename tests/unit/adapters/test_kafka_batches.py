"""Records read in one pass are those that the driver reads, and damaged bytes are refused as it refuses them."""

from __future__ import annotations

import kafka.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from wayfare.adapters.kafka_batches import records_of

SOME = st.none() | st.binary(max_size=300)
RECORD = st.tuples(
    st.integers(0, 2**42), SOME, SOME | st.integers(0, 70_000).map(bytes), st.lists(st.tuples(st.text(max_size=20), SOME), max_size=4)
)  # fmt: skip


def built(rows, offset, codec):
    builder = MemoryRecordsBuilder(magic=2, compression_type=codec, batch_size=1 << 30, offset=offset)
    for timestamp, key, value, headers in rows:
        builder.append(timestamp=timestamp, key=key, value=value, headers=headers)
    builder.close()
    return bytes(builder.buffer())


@given(st.lists(RECORD, min_size=1, max_size=20), st.integers(0, 2**31 - 100), st.sampled_from([0, 3, 4]))
def test_every_field_is_as_the_driver_gives_it(rows, offset, codec):
    data = built(rows, offset, codec)
    theirs = [(r.offset, r.timestamp, r.key, r.value, r.headers) for r in MemoryRecords(data).next_batch()]
    ours = [
        (r.offset, r.timestamp, r.key, r.value, list(r.headers))
        for r in records_of(MemoryRecords(data).next_batch(), "t", 3)
    ]
    assert ours == theirs
    assert [(r.topic, r.partition) for r in records_of(MemoryRecords(data).next_batch(), "t", 3)] == [("t", 3)] * len(
        rows
    )


@given(st.data())
def test_damaged_bytes_are_refused_or_read_but_never_break_the_reader(data):
    whole = bytearray(built([(5, b"k", b"v" * 200, [("content-type", b"x")])] * 3, 7, 0))
    at = data.draw(st.integers(61, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    try:
        list(records_of(MemoryRecords(bytes(whole)).next_batch(), "t", 0))
    except kafka.errors.CorruptRecordError:
        pass


def test_a_record_that_reaches_beyond_its_batch_is_refused():
    whole = bytearray(built([(5, b"k", b"v" * 20, [])], 7, 0))
    whole[61] = 0x7E
    with pytest.raises(kafka.errors.CorruptRecordError):
        list(records_of(MemoryRecords(bytes(whole)).next_batch(), "t", 0))
