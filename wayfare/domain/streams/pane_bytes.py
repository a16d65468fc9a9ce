"""A pane register as bytes: the same bytes from the same log, whoever writes them.

Layout, big-endian: int64 offset covered (first, so that a store can compare it without decoding), uint8 version, uint8
flags, int64 log time in ms, int64 total, uint32 number of cells; then little-endian the cells (int64) and counts (uint32);
then, when flagged, the sketch and the distinct registers, each as uint8 kind (0 whole, 1 sparse) and its values. What a
register is *of* (city, gauge, topic, partition, pane) is in its key.
"""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams.panes import SEEN, PaneRegister

_HEAD = struct.Struct(">qBBqqI")
_VERSION = 1
_CLOSED, _SKETCH, _DISTINCT = 1, 2, 4
_WHOLE, _SPARSE = 0, 1
_MOST_CELLS = 1_000_000


def offset_of(data: bytes) -> int:
    """The log offset that encoded registers are ordered by."""
    return int(struct.unpack_from(">q", data)[0])


def field_of(register: PaneRegister) -> str:
    """The register's name within one city and pane: `gauge|topic|partition`."""
    return f"{register.gauge}|{register.topic}|{register.partition}"


def encode(register: PaneRegister) -> bytes:
    """The register's bytes, with whatever parts it has."""
    flags = (
        _CLOSED * register.closed
        + _SKETCH * (register.sketch is not None)
        + _DISTINCT * (register.distinct is not None)
    )
    head = _HEAD.pack(
        register.covers_offset, _VERSION, flags, register.log_time_ms, register.total, len(register.cells)
    )
    parts = [head, register.cells.astype("<i8").tobytes(), register.counts.astype("<u4").tobytes()]
    if register.sketch is not None:
        parts.append(struct.pack(">BI", *register.sketch.shape) + _packed(register.sketch.ravel().astype("<u4")))
    if register.distinct is not None:
        parts.append(struct.pack(">I", len(register.distinct)) + _packed(register.distinct))
    return b"".join(parts)


def exact(register: PaneRegister) -> PaneRegister:
    """What live readers get: without the distinct part, and without the sketch while there are exact counts.

    A register of cabs seen is asked seldom and by its sketches, so it stays whole.
    """
    if register.gauge == SEEN:
        return register
    serves_alone = len(register.cells) == 0 and register.total > 0
    return replace(register, sketch=register.sketch if serves_alone else None, distinct=None)


def decode(key: str, data: bytes) -> PaneRegister:
    """The register of a key `city|gauge|topic|partition|pane` and its bytes; InvalidInput when they are not one."""
    try:
        city, gauge, topic, partition, pane = key.split("|")
        covers, version, flags, log_time_ms, total, count = _HEAD.unpack_from(data)
        if version != _VERSION or count > _MOST_CELLS:
            raise InvalidInput(f"a pane is of version {_VERSION} with bounded cells, got {version} with {count}")
        at = _HEAD.size
        cells = np.frombuffer(data, "<i8", count, at).astype(np.int64, copy=False)
        counts = np.frombuffer(data, "<u4", count, at + 8 * count).astype(np.uint32, copy=False)
        at += 12 * count
        sketch = distinct = None
        if flags & _SKETCH:
            depth, width = struct.unpack_from(">BI", data, at)
            values, at = _unpacked(data, at + 5, depth * width, "<u4")
            sketch = values.astype(np.uint32, copy=False).reshape(depth, width)
        if flags & _DISTINCT:
            (size,) = struct.unpack_from(">I", data, at)
            values, at = _unpacked(data, at + 4, size, "u1")
            distinct = values.astype(np.uint8, copy=False)
        if at != len(data):
            raise InvalidInput(f"a pane ends with its last part, got {len(data) - at} bytes more")
        return PaneRegister(
            city, gauge, topic, int(partition), int(pane), covers, log_time_ms, bool(flags & _CLOSED), total,
            cells, counts, sketch, distinct,
        )  # fmt: skip
    except (ValueError, struct.error) as error:
        raise InvalidInput(f"these are not the bytes of a pane: {error}, got {len(data)} bytes of {key!r}") from error


def _packed(values: npt.NDArray[np.generic]) -> bytes:
    """Values whole, or as indices and values of the non-zero ones where that is shorter."""
    at = np.flatnonzero(values)
    if len(at) * (4 + values.itemsize) < values.nbytes:
        return struct.pack(">BI", _SPARSE, len(at)) + at.astype("<u4").tobytes() + values[at].tobytes()
    return struct.pack(">BI", _WHOLE, values.size) + values.tobytes()


def _unpacked(data: bytes, at: int, size: int, kind: str) -> tuple[npt.NDArray[np.generic], int]:
    if not 0 < size <= 1 << 24:
        raise InvalidInput(f"a table in a pane is bounded, got {size} values")
    form, count = struct.unpack_from(">BI", data, at)
    at += 5
    if count > size or (form == _WHOLE and count != size):
        raise InvalidInput(f"a table in a pane holds at most {size} values, got {count}")
    width = np.dtype(kind).itemsize
    if form == _WHOLE:
        return np.frombuffer(data, kind, count, at), at + count * width
    values = np.zeros(size, kind)
    index = np.frombuffer(data, "<u4", count, at)
    if count and int(index.max()) >= size:
        raise InvalidInput(f"an index in a pane is below {size}, got {int(index.max())}")
    values[index] = np.frombuffer(data, kind, count, at + 4 * count)
    return values, at + count * (4 + width)
