"""A JSON object and named arrays as bytes, for snapshots: length-prefixed JSON head, then the arrays, compressed.

Never a pickle: a snapshot comes from a topic that others can write to.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.errors import InvalidInput

_VERSION = 1
_MOST_BYTES = 1 << 30
_KINDS = frozenset({"<i8", "<u8", "<f8", "<u4", "|u1", "|i1", "|b1"})


def pack(meta: dict[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> bytes:
    """The bytes of both; equal input gives equal bytes within one zlib version."""
    little = {name: np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"))) for name, array in arrays.items()}
    layout = [(name, array.dtype.str, array.shape) for name, array in little.items()]
    head = json.dumps({"meta": meta, "arrays": layout}, separators=(",", ":")).encode()
    body = b"".join([struct.pack(">I", len(head)), head, *(array.tobytes() for array in little.values())])
    return bytes([_VERSION]) + struct.pack(">Q", len(body)) + zlib.compress(body, 1)


def unpack(data: bytes) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """What `pack` was given; InvalidInput when the bytes are of another version, cut short, or too large."""
    try:
        (size,) = struct.unpack_from(">Q", data, 1)
        if data[0] != _VERSION or size > _MOST_BYTES:
            raise InvalidInput(f"a snapshot is of version {_VERSION} and bounded, got {data[0]} of {size} bytes")
        body = zlib.decompressobj().decompress(data[9:], size)
        if len(body) != size:
            raise InvalidInput(f"a snapshot holds {size} bytes, got {len(body)}")
        (length,) = struct.unpack_from(">I", body)
        head = json.loads(body[4 : 4 + length])
        arrays, at = {}, 4 + length
        for name, kind, shape in head["arrays"]:
            if kind not in _KINDS:
                raise InvalidInput(f"an array of a snapshot is of a known kind, got {kind!r}")
            count = math.prod(shape)
            arrays[name] = np.frombuffer(body, kind, count, at).reshape(shape).copy()
            at += count * np.dtype(kind).itemsize
        return head["meta"], arrays
    except (ValueError, KeyError, TypeError, IndexError, struct.error, zlib.error) as error:
        raise InvalidInput(f"these are not the bytes of a snapshot: {error}, got {len(data)} bytes") from error
