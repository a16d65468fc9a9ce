"""Batches of records unpacked to a bounded size, whatever they claim: what cannot be unpacked is one record that says why.

A broker's limit is on the packed size. A few kilobytes of zstd unpack to gigabytes, and kafka-python would unpack them
before it gives anything out; a codec that is not installed, or a header whose name is not UTF-8, would be raised at every
poll anew. Either way one batch would end every consumer of its partition. Here such a batch, or the rest of it, comes
out as one record at its last offset: the packed bytes, with the header REFUSED_HEADER, for a reader to set aside.
"""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Any

import lz4.frame
import zstandard
from kafka.errors import CorruptRecordError
from kafka.record import memory_records
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import encode_varint

from wayfare.adapters.kafka_client import MAX_RECORD_BYTES
from wayfare.domain.errors import InvalidInput

MAX_BATCH_BYTES = 4 * MAX_RECORD_BYTES
"""Largest unpacked batch. Producers fill a batch up to a size before they pack it: 64 KiB of ours, 16 KiB by default, or one
record of at most MAX_RECORD_BYTES."""
REFUSED_HEADER = "wayfare-refused"


class BoundedBatch(DefaultRecordBatch):  # type: ignore[misc]  # kafka-python carries no types
    """A batch as kafka-python reads it, except for what the module says."""

    _buffer: bytearray
    _whole: bytearray
    _pos: int
    _num_records: int
    _next_record_index: int
    _decompressed: bool

    def _maybe_uncompress(self) -> None:
        if self._decompressed:
            return
        self._whole = self._buffer
        if self.compression_type != self.CODEC_NONE:
            try:
                self._buffer, self._pos = bytearray(_unpacked(self.compression_type, self._packed())), 0
            except InvalidInput as error:
                self.refuse(str(error))
        self._decompressed = True

    def records(self) -> memoryview:
        """Its records, unpacked."""
        self._maybe_uncompress()
        return memoryview(self._buffer)[self._pos :]

    @property
    def records_count(self) -> int:
        """How many records are given out."""
        return self._num_records

    def _packed(self) -> bytes:
        """The records as they came."""
        return bytes(memoryview(self._whole)[self.HEADER_STRUCT.size :])

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except CorruptRecordError as error:
            self.refuse(f"the records of a batch can be told apart: {error}, got {len(self._whole)} bytes")
            return super().__next__()

    next = __next__

    def refuse(self, why: str) -> None:
        """Let one record stand for what is left."""
        packed = self._packed()
        body = bytearray([0])
        for number in (0, self.last_offset_delta, -1, len(packed)):
            encode_varint(number, body.append)
        body += packed
        name, value = REFUSED_HEADER.encode(), why.encode()
        for part in (None, name, value):
            encode_varint(1 if part is None else len(part), body.append)
            body += part or b""
        record = bytearray()
        encode_varint(len(body), record.append)
        self._buffer, self._pos = record + body, 0
        self._num_records = self._next_record_index + 1


def bound() -> None:
    """Let every consumer of this process read batches so. Safe to call again."""
    memory_records.DefaultRecordBatch = BoundedBatch


def _unpacked(codec: int, packed: bytes) -> bytes:
    most = MAX_BATCH_BYTES + 1
    try:
        if codec == DefaultRecordBatch.CODEC_GZIP:
            with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
                data = stream.read(most)
        elif codec == DefaultRecordBatch.CODEC_LZ4:
            data = lz4.frame.LZ4FrameDecompressor().decompress(packed, max_length=most)
        elif codec == DefaultRecordBatch.CODEC_ZSTD:
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed), read_across_frames=True) as stream:
                data = stream.read(most)
        else:
            raise InvalidInput(f"a batch is packed by gzip, lz4 or zstd, got codec {codec}")
    except (OSError, EOFError, RuntimeError, zlib.error, zstandard.ZstdError, MemoryError) as error:
        raise InvalidInput(f"a batch can be unpacked: {error}, got {len(packed)} bytes") from error
    if len(data) > MAX_BATCH_BYTES:
        raise InvalidInput(f"a batch unpacks to at most {MAX_BATCH_BYTES} bytes, got more from {len(packed)}")
    return bytes(data)
