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
_PLAIN = (types.is_null, types.is_boolean, types.is_integer, types.is_floating, types.is_timestamp)


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


def refuse_types(fields: list[pa.Field]) -> None:
    """InvalidInput for a type whose rows may share what they hold, or that no column of an event is made of.

    Views, runs and nested types repeat themselves; of intervals Arrow can read a column that Python cannot hold.
    """
    for field in fields:
        kind = field.type
        text = kind.value_type if types.is_dictionary(kind) else kind
        if not (_is_text(text) or (kind is text and any(plain(kind) for plain in _PLAIN))):
            raise InvalidInput(
                f"a packed column is of a plain type or a dictionary of texts, got {kind} for {field.name}"
            )


def unpacked_bytes(batch: pa.RecordBatch) -> int:
    """At most so many bytes are the columns when written out, of a batch whose types `refuse_types` takes.

    Plain columns are as large as their buffers.
    """
    size = 0
    for column in batch.columns:
        if types.is_dictionary(column.type):
            longest = pc.max(pc.binary_length(column.dictionary)).as_py() or 0
            size += batch.num_rows * (longest + 8)
        else:
            size += column.nbytes + 8 * batch.num_rows
    return size


def _is_text(kind: pa.DataType) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind))


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
