"""Record batches of Kafka's format 2, read in one pass over their bytes.

kafka-python reads a record in about thirty Python calls, which costs more than everything that ingest does with it. Here a
record is one loop without a call, and equal headers are parsed once. Everything around it (fetching, checksums,
decompression, control batches, older formats) stays the driver's. Layout: https://kafka.apache.org/documentation/#recordbatch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import kafka.errors
from kafka.consumer.fetcher import Fetcher

from wayfare.adapters.kafka_unpacking import BoundedBatch

FrozenHeaders = tuple[tuple[str, bytes | None], ...]

_MOST_HEADERS = 1_000
"""Distinct headers remembered per batch: trace contexts differ from record to record."""


class LogRecord(NamedTuple):
    """A record as ingest needs it; the names are the driver's own. Equal headers of one batch are one object."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: FrozenHeaders


def read_quickly(consumer: Any) -> None:
    """Let a consumer give `LogRecord`s of the same content from now on."""
    consumer._fetcher.PartitionRecords = _PartitionRecords


def records_of(batch: Any, topic: str, partition: int) -> Iterator[LogRecord]:
    """The records of one of the driver's batches of format 2; CorruptRecordError when the bytes are not such."""
    batch._maybe_uncompress()
    data, pos = bytes(batch._buffer), batch._pos
    base_offset, first = batch.base_offset, batch.first_timestamp
    appended_at = batch.max_timestamp if batch.timestamp_type == batch.LOG_APPEND_TIME else None
    known: dict[bytes, FrozenHeaders] = {}
    # A named tuple without the cost of its own constructor.
    new: Any = tuple.__new__
    try:
        for _ in range(batch.records_count):
            # Each number is a zigzag varint, nearly always of one or two bytes.
            n, pos = data[pos], pos + 1
            if n > 127:
                m = data[pos]
                n, pos = (n + (m << 7) - 128, pos + 1) if m < 128 else _varint(data, pos - 1)
            end = pos + (n >> 1)
            n, pos = data[pos + 1], pos + 2
            if n > 127:
                m = data[pos]
                n, pos = (n + (m << 7) - 128, pos + 1) if m < 128 else _varint(data, pos - 1)
            timestamp = first + ((n >> 1) ^ -(n & 1)) if appended_at is None else appended_at
            n, pos = data[pos], pos + 1
            if n > 127:
                m = data[pos]
                n, pos = (n + (m << 7) - 128, pos + 1) if m < 128 else _varint(data, pos - 1)
            offset = base_offset + ((n >> 1) ^ -(n & 1))
            n, pos = data[pos], pos + 1
            if n > 127:
                m = data[pos]
                n, pos = (n + (m << 7) - 128, pos + 1) if m < 128 else _varint(data, pos - 1)
            if n & 1:
                key = None
            else:
                key = data[pos : pos + (n >> 1)]
                pos += n >> 1
            n, pos = data[pos], pos + 1
            if n > 127:
                m = data[pos]
                n, pos = (n + (m << 7) - 128, pos + 1) if m < 128 else _varint(data, pos - 1)
            if n & 1:
                value = None
            else:
                value = data[pos : pos + (n >> 1)]
                pos += n >> 1
            if not pos < end <= len(data):
                raise kafka.errors.CorruptRecordError(f"a record ends with its headers, got {end - pos} bytes left")
            raw = data[pos:end]
            headers = known.get(raw)
            if headers is None:
                headers = _headers(raw)
                if len(known) < _MOST_HEADERS:
                    known[raw] = headers
            pos = end
            yield new(LogRecord, (topic, partition, offset, timestamp, key, value, headers))
    except (IndexError, ValueError) as error:
        raise kafka.errors.CorruptRecordError(
            f"a record has the form of format 2: {error}, got {len(data)} bytes"
        ) from error
    if pos != len(data):
        raise kafka.errors.CorruptRecordError(f"a batch ends with its last record, got {len(data) - pos} bytes more")


def _all_of(batch: Any, topic: str, partition: int) -> Iterator[LogRecord]:
    """`records_of`, and where they cannot be told apart one record that stands for what is left."""
    try:
        yield from records_of(batch, topic, partition)
    except kafka.errors.CorruptRecordError as error:
        if not isinstance(batch, BoundedBatch):
            raise
        batch.refuse(f"the records of a batch can be told apart: {error}, got {batch.size_in_bytes} bytes")
        yield from records_of(batch, topic, partition)


def _varint(data: bytes, pos: int) -> tuple[int, int]:
    """The unsigned number at `pos`, still zigzag, and where it ends."""
    found = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, pos
        shift += 7
        if shift > 63:
            raise ValueError("a number has at most 64 bits")


def _headers(raw: bytes) -> FrozenHeaders:
    count, pos = _varint(raw, 0)
    if count & 1:
        raise ValueError("a record has no negative number of headers")
    found: list[tuple[str, bytes | None]] = []
    for _ in range(count >> 1):
        size, pos = _varint(raw, pos)
        if size & 1:
            raise ValueError("a header has a name")
        name = raw[pos : pos + (size >> 1)].decode()
        pos += size >> 1
        size, pos = _varint(raw, pos)
        if size & 1:
            found.append((name, None))
            continue
        found.append((name, raw[pos : pos + (size >> 1)]))
        pos += size >> 1
    if pos != len(raw):
        raise ValueError("a record ends with its last header")
    return tuple(found)


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
                for record in _all_of(batch, tp.topic, tp.partition):
                    self.records_read += 1
                    self.next_fetch_offset = record.offset + 1
                    yield record
            # Offsets at a batch's end may have been compacted away.
            self.next_fetch_offset = batch.next_offset
        if last is not None:
            self.next_fetch_offset = last.next_offset
        self.drain()
