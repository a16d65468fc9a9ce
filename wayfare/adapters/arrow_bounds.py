"""How large an Arrow IPC stream becomes, known before anything is unpacked: its compression, and what its types repeat.

Arrow's reader unpacks buffers as soon as it reads a batch, to whatever size a buffer claims, so a few kilobytes could
ask for gigabytes. Layout: https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format; the
metadata is a FlatBuffer whose table RecordBatch has `compression` as its fourth field (Message.fbs). A dictionary holds
a text once and rows by the thousand that point to it: written out, 100,000 rows of one 20 KB text are 2 GB.
"""

from __future__ import annotations

import struct

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from wayfare.domain.errors import InvalidInput

_CONTINUATION = 0xFFFFFFFF
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3


def refuse_compressed(stream: bytes) -> None:
    """InvalidInput when any batch of the stream is compressed, or when its framing cannot be followed."""
    at = 0
    try:
        while at < len(stream):
            (size,) = struct.unpack_from("<I", stream, at)
            at += 4
            if size == _CONTINUATION:
                (size,) = struct.unpack_from("<I", stream, at)
                at += 4
            if size == 0:
                return
            if size > len(stream) - at:
                raise InvalidInput(f"an Arrow message ends within its record, got {size} of {len(stream) - at} bytes")
            body = _check_message(stream, at)
            if body < 0 or body > len(stream) - at - size:
                raise InvalidInput(f"an Arrow body ends within its record, got {body} bytes")
            at += size + body
    except (struct.error, IndexError) as error:
        raise InvalidInput(f"an Arrow stream can be followed to its end: {error}, got {len(stream)} bytes") from error


def unpacked_bytes(batch: pa.RecordBatch) -> int:
    """At most so many bytes are the columns when written out; InvalidInput for a type whose rows may share what they hold.

    Plain columns are as large as their buffers. Views, runs and nested types are not what a packed record is made of.
    """
    size = 0
    for field, column in zip(batch.schema, batch.columns, strict=True):
        kind = field.type
        if types.is_dictionary(kind) and (types.is_string(kind.value_type) or types.is_large_string(kind.value_type)):
            longest = pc.max(pc.binary_length(column.dictionary)).as_py() or 0
            size += batch.num_rows * (longest + 8)
        elif types.is_null(kind) or types.is_primitive(kind) or types.is_string(kind) or types.is_large_string(kind):
            size += column.nbytes + 8 * batch.num_rows
        else:
            raise InvalidInput(
                f"a packed column is of a plain type or a dictionary of texts, got {kind} for {field.name}"
            )
    return size


def _check_message(data: bytes, start: int) -> int:
    """The length of the message's body; InvalidInput when the message is a compressed batch."""
    table = start + struct.unpack_from("<I", data, start)[0]
    kind_at, header_at, body_at = (_field(data, table, index) for index in (1, 2, 3))
    kind = data[kind_at] if kind_at else 0
    if header_at and kind in (_DICTIONARY_BATCH, _RECORD_BATCH):
        header = header_at + struct.unpack_from("<I", data, header_at)[0]
        if kind == _DICTIONARY_BATCH:
            inner = _field(data, header, 1)
            header = inner + struct.unpack_from("<I", data, inner)[0] if inner else 0
        if header and _field(data, header, 3):
            raise InvalidInput("a packed record is not compressed by Arrow, since Kafka compresses it, got compression")
    return int(struct.unpack_from("<q", data, body_at)[0]) if body_at else 0


def _field(data: bytes, table: int, index: int) -> int:
    """Where field `index` of a FlatBuffer table lies, or 0 when it is absent."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    if vtable < 0:
        raise struct.error("a table points before its buffer")
    (size,) = struct.unpack_from("<H", data, vtable)
    slot = 4 + 2 * index
    if slot + 2 > size:
        return 0
    (offset,) = struct.unpack_from("<H", data, vtable + slot)
    return table + offset if offset else 0
