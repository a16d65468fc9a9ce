"""Record batches of Kafka's format 2, read by the compiled reader that aiokafka brings.

kafka-python reads a record in about thirty Python calls, which costs more than everything that ingest does with it. Only the
records of a batch are read here: everything around them (fetching, checksums, unpacking, control batches, older formats)
stays the driver's and `kafka_unpacking`'s. Layout: https://kafka.apache.org/documentation/#recordbatch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kafka.errors
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from kafka.consumer.fetcher import Fetcher

from wayfare.adapters.kafka_unpacking import BoundedBatch, bound

_PAD = bytes(32)
"""Behind a batch: a number is read to its last byte before it is compared with where the batch ends."""
_DAMAGED = (CorruptRecordException, ValueError, OverflowError, MemoryError, SystemError)
"""What the reader raises at bytes that are no records: lengths beyond a batch, or beyond what memory can hold."""


def read_quickly(consumer: Any) -> None:
    """Let a consumer of bytes give records of the same offset, timestamp, key, value and headers from now on, at less cost."""
    bound()
    consumer._fetcher.PartitionRecords = _PartitionRecords


def records_of(batch: BoundedBatch) -> list[Any]:
    """The records of a batch of format 2; where they cannot be told apart, one record stands for what is left."""
    found: list[Any] = []
    try:
        found.extend(_compiled(batch))
    except _DAMAGED as error:
        batch.refuse(f"the records of a batch can be told apart: {error}, got {batch.size_in_bytes} bytes")
        found.extend(_compiled(batch))
    return found


def _compiled(batch: BoundedBatch) -> DefaultRecordBatch:
    """The same batch, unpacked, to the compiled reader."""
    records = batch.records()
    kind = batch.attributes & ~batch.CODEC_MASK
    head = batch.HEADER_STRUCT.pack(
        batch.base_offset, 0, -1, 2, 0, kind, batch.last_offset_delta, batch.first_timestamp, batch.max_timestamp,
        -1, -1, -1, batch.records_count,
    )  # fmt: skip
    return DefaultRecordBatch(memoryview(b"".join((head, records, _PAD)))[: -len(_PAD)])


class _PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # kafka-python carries no types
    """The driver's reader of one fetched partition, with its loop over batches replaced."""

    def _unpack_records(self, tp: Any, records: Any, key_deserializer: Any, value_deserializer: Any) -> Iterator[Any]:
        if key_deserializer or value_deserializer or self.isolation_level:
            raise ValueError("records are read quickly as bytes and uncommitted ones too, got another configuration")
        last = None
        while (batch := records.next_batch()) is not None:
            last = batch
            if batch.magic != 2:
                raise kafka.errors.CorruptRecordError(f"a batch is of format 2, got {batch.magic}")
            if self.check_crcs and not batch.validate_crc():
                raise kafka.errors.CorruptRecordError(
                    f"a batch has its checksum, got another at {tp} offset {batch.base_offset}"
                )
            self.leader_epoch = batch.leader_epoch
            self.bytes_read += batch.size_in_bytes
            if not batch.is_control_batch:
                for record in records_of(batch):
                    self.records_read += 1
                    self.next_fetch_offset = record.offset + 1
                    yield record
            # Offsets at a batch's end may have been compacted away.
            self.next_fetch_offset = batch.next_offset
        if last is not None:
            self.next_fetch_offset = last.next_offset
        self.drain()
