"""Records read by the compiled reader are those that the driver reads, and damaged bytes are refused as it refuses them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.record import MemoryRecordsBuilder
from kafka.record.default_records import DefaultRecordBatch

from wayfare.adapters.kafka_batches import records_of
from wayfare.adapters.kafka_unpacking import REFUSED_HEADER, BoundedBatch

SOME = st.none() | st.binary(max_size=300)
RECORD = st.tuples(
    st.integers(-1, 2**42), SOME, SOME | st.integers(0, 70_000).map(bytes), st.lists(st.tuples(st.text(max_size=20), SOME), max_size=4)
)  # fmt: skip
FIRST_RECORD, ATTRIBUTES = DefaultRecordBatch.HEADER_STRUCT.size, DefaultRecordBatch.ATTRIBUTES_OFFSET
LOG_APPEND_TIME = 0x08


def built(rows, offset=7, codec=0):
    builder = MemoryRecordsBuilder(magic=2, compression_type=codec, batch_size=1 << 30, offset=offset)
    for timestamp, key, value, headers in rows:
        builder.append(timestamp=timestamp, key=key, value=value, headers=headers)
    builder.close()
    return bytearray(builder.buffer())


def fields(records):
    return [(r.offset, -1 if r.timestamp is None else r.timestamp, r.key, r.value, r.headers) for r in records]


def without_reason(records):
    """What is given out, but for the words of why the rest was refused."""
    return [
        (*rest, [(name, b"" if name == REFUSED_HEADER else text) for name, text in headers])
        for *rest, headers in fields(records)
    ]


@given(
    st.lists(RECORD, min_size=1, max_size=20), st.integers(0, 2**31 - 100), st.sampled_from([0, 1, 3, 4]), st.booleans()
)
def test_every_field_is_as_the_driver_gives_it(rows, offset, codec, appended):
    data = built(rows, offset, codec)
    if appended:
        data[ATTRIBUTES + 1] |= LOG_APPEND_TIME
    assert fields(records_of(BoundedBatch(data))) == fields(DefaultRecordBatch(data))


def refused(record):
    return any(name == REFUSED_HEADER for name, _text in record.headers)


@given(st.data())
def test_a_damaged_byte_is_read_or_refused_as_by_the_driver(data):
    whole = built([(5, b"k", b"v" * 200, [("content-type", b"x")])] * 3)
    whole[data.draw(st.integers(FIRST_RECORD, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    assert without_reason(records_of(BoundedBatch(whole))) == without_reason(BoundedBatch(whole))


@given(st.data())
def test_however_damaged_nothing_is_given_out_that_the_driver_would_not(data):
    """It is stricter at a batch's end, beyond which the driver takes values cut short for whole."""
    whole = built([(5, b"k", b"v" * 200, [("content-type", b"x")])] * 3)
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(FIRST_RECORD, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        del whole[data.draw(st.integers(FIRST_RECORD, len(whole) - 1)) :]
    ours, theirs = records_of(BoundedBatch(whole)), list(BoundedBatch(whole))
    kept = len(ours) - 1 if refused(ours[-1]) else len(theirs)
    assert without_reason(ours[:kept]) == without_reason(theirs[:kept])
    assert len(ours) == kept + refused(ours[-1])


@pytest.mark.parametrize("length", [0x7E, 0x7F], ids=["beyond the batch", "below nothing"])
def test_of_a_batch_damaged_half_way_what_came_before_is_given_out_and_one_record_stands_for_the_rest(length):
    rows = [(5, b"k", b"v" * 20, []), (6, b"l", b"w" * 20, []), (7, b"m", b"x" * 20, [])]
    whole = built(rows)
    second = whole.index(b"v" * 20) + 21
    whole[second] = length
    first, rest = records_of(BoundedBatch(whole))
    assert (first.offset, first.value) == (7, b"v" * 20)
    assert (rest.offset, rest.key, rest.value) == (9, None, bytes(whole[FIRST_RECORD:]))
    [(name, why)] = rest.headers
    assert name == REFUSED_HEADER
    assert b"can be told apart" in why


def test_lengths_beyond_any_memory_are_refused():
    whole = built([(5, b"k", b"v" * 200, [])])
    key = whole.index(b"\x02k")
    whole[key : key + 10] = b"\xfe" + b"\xff" * 8 + b"\x01"  # 2^63 - 1, zigzag
    [record] = records_of(BoundedBatch(whole))
    assert refused(record)
