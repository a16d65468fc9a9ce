"""Batches as brokers hand them out: whatever they hold, reading goes on behind them."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
import zstandard
from kafka.consumer.fetcher import Fetcher
from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from kafka.record.util import calc_crc32c
from kafka.structs import TopicPartition

from wayfare.adapters import kafka_unpacking
from wayfare.adapters.kafka_client import JSON
from wayfare.adapters.kafka_decode import Decoder
from wayfare.adapters.kafka_unpacking import MAX_BATCH_BYTES, REFUSED_HEADER

KIND = [("content-type", JSON.encode())]
PLAIN, GZIP, SNAPPY, LZ4, ZSTD = range(5)


def batch(base: int, values: list[bytes], codec: int = PLAIN, headers: Any = KIND, alter: Any = None) -> bytes:
    """A record batch of offsets from `base` on. alter: changes the bytes before their checksum is made."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=False, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 30,
    )  # fmt: skip
    for number, value in enumerate(values):
        builder.append(number, 1_700_000_000_000, b"k", value, headers)
    data = bytearray(builder.build())
    if alter:
        data = alter(data)
    data[:8] = base.to_bytes(8, "big")
    data[8:12] = (len(data) - 12).to_bytes(4, "big")
    view = DefaultRecordBatch(bytes(data))
    data[17:21] = int(calc_crc32c(data[view.ATTRIBUTES_OFFSET :])).to_bytes(4, "big")
    return bytes(data)


def read(*batches: bytes) -> list[Any]:
    """What a consumer gives out."""
    kafka_unpacking.bound()
    records = memory_records.MemoryRecords(b"".join(batches))
    return Fetcher.PartitionRecords(0, TopicPartition("driver-pings", 0), records).take()


def refused(record: Any) -> str:
    return dict(record.headers)[REFUSED_HEADER].decode()


@pytest.mark.parametrize("codec", [PLAIN, GZIP, LZ4, ZSTD])
def test_sound_batches_are_read_as_they_are(codec):
    found = read(batch(5, [b"a", b"b" * 70_000], codec), batch(7, [b"c"], codec))
    assert [(r.offset, r.value, r.key, r.headers) for r in found] == [
        (5, b"a", b"k", KIND), (6, b"b" * 70_000, b"k", KIND), (7, b"c", b"k", KIND),
    ]  # fmt: skip


@pytest.mark.parametrize("codec", [GZIP, LZ4, ZSTD])
def test_a_batch_that_unpacks_to_too_much_is_one_record_of_its_packed_bytes(codec):
    bomb = batch(5, [b"small", bytes(2 * MAX_BATCH_BYTES)], codec)
    assert len(bomb) < 200_000
    one, after = read(bomb, batch(7, [b"c"]))
    assert (one.offset, one.value) == (6, bomb[61:])
    assert refused(one) == f"a batch unpacks to at most {MAX_BATCH_BYTES} bytes, got more from {len(bomb) - 61}"
    assert (after.offset, after.value) == (7, b"c")


def packed_again(pack: Any) -> Any:
    return lambda data: data[:61] + pack(bytes(data[61:]))


@pytest.mark.parametrize(
    ("codec", "pack", "why"),
    [
        (GZIP, lambda raw: gzip.compress(raw)[:-9], "can be unpacked"),
        (ZSTD, lambda raw: b"\x28\xb5\x2f\xfd" + raw, "can be unpacked"),
        (LZ4, lambda raw: raw, "can be unpacked"),
        (SNAPPY, lambda raw: raw, "got codec 2"),
        (ZSTD, lambda raw: zstandard.ZstdCompressor().compress(raw[:-3]), "told apart"),
        (ZSTD, lambda raw: zstandard.ZstdCompressor().compress(raw + b"more"), "told apart"),
    ],
)
def test_a_batch_that_cannot_be_unpacked_is_one_record_and_the_next_is_read(codec, pack, why):
    def alter(data: bytearray) -> bytearray:
        data = bytearray(packed_again(pack)(data))
        data[22] = codec
        return data

    found = read(batch(5, [b"a" * 50, b"b" * 50], PLAIN, alter=alter), batch(7, [b"c"]))
    last, after = found[-2:]
    assert why in refused(last)
    assert last.offset == 6
    assert (after.offset, after.value) == (7, b"c")


def test_a_header_whose_name_is_not_text_refuses_the_rest_of_its_batch():
    def alter(data: bytearray) -> bytearray:
        at = data.rindex(b"content-type")
        data[at] = 0xFF
        return data

    first, last, after = read(batch(5, [b"a", b"b"], alter=alter), batch(7, [b"c"]))
    assert (first.offset, first.value) == (5, b"a")
    assert last.offset == 6
    assert "told apart" in refused(last)
    assert after.offset == 7


def test_the_decoder_sets_a_refused_batch_aside_with_its_reason_and_a_header_without_a_value_is_none():
    bomb = batch(5, [bytes(2 * MAX_BATCH_BYTES)], ZSTD)
    none = batch(6, [b"{"], headers=[*KIND, ("traceparent", None), ("wayfare-kind", None)])
    out = Decoder("driver-pings", 0, 4).decode(read(bomb, none))
    assert [(dead.offset, dead.reason, dead.rows) for dead in out.dead] == [(5, "unpackable", 1), (6, "unreadable", 1)]
    assert out.dead[0].value == bomb[61:]
    assert out.dead[0].error.startswith(f"a batch unpacks to at most {MAX_BATCH_BYTES} bytes")
    assert out.last_offset == 6
