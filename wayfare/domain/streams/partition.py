"""Which partition of a topic an identity belongs to: murmur2, as Kafka's own default partitioner has it.

Everything that counts distinct cabs or requests relies on one identity living in one partition, so the function is
fixed for the life of a topic generation. Source: `org.apache.kafka.common.utils.Utils.murmur2`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit MurmurHash2 of Kafka (seed 0x9747b28c), as an unsigned integer.

    >>> murmur2(b"21")
    3321034988
    """
    length = len(data)
    h = (0x9747B28C ^ length) & _MASK
    whole = length & ~3
    for at in range(0, whole, 4):
        k = (int.from_bytes(data[at : at + 4], "little") * _M) & _MASK
        k = ((k ^ (k >> 24)) * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
    tail = data[whole:]
    if tail:
        h = ((h ^ int.from_bytes(tail, "little")) * _M) & _MASK
    h = ((h ^ (h >> 13)) * _M) & _MASK
    return h ^ (h >> 15)


def partition_of(identity: str, partitions: int) -> int:
    """The partition, 0 to `partitions` - 1, that owns an identity."""
    return (murmur2(identity.encode()) & 0x7FFFFFFF) % partitions


def partitions_of(identities: Sequence[str], partitions: int) -> npt.NDArray[np.int64]:
    """`partition_of` for many identities at once: the same numbers, computed by groups of equal length."""
    joined = "".join(identities)
    if joined.isascii():
        lengths = np.fromiter(map(len, identities), np.int64, len(identities))
        letters = np.frombuffer(joined.encode(), np.uint8)
    else:
        encoded = [identity.encode() for identity in identities]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        letters = np.frombuffer(b"".join(encoded), np.uint8)
    starts = np.cumsum(lengths) - lengths
    out = np.empty(len(lengths), np.int64)
    for length in np.unique(lengths):
        at = np.flatnonzero(lengths == length)
        hashed = _murmur2_rows(letters[starts[at, None] + np.arange(length)])
        out[at] = (hashed & np.uint32(0x7FFFFFFF)).astype(np.int64) % partitions
    return out


def _murmur2_rows(rows: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """`murmur2` of each row of bytes, in wrapping 32-bit arithmetic."""
    count, length = rows.shape
    m = np.uint32(_M)
    whole = length & ~3
    h = np.full(count, (0x9747B28C ^ length) & _MASK, np.uint32)
    words = np.ascontiguousarray(rows[:, :whole]).view("<u4") if whole else np.empty((count, 0), np.uint32)
    for column in range(words.shape[1]):
        k = words[:, column] * m
        h = (h * m) ^ ((k ^ (k >> np.uint32(24))) * m)
    if length > whole:
        tail = np.zeros((count, 4), np.uint8)
        tail[:, : length - whole] = rows[:, whole:]
        h = (h ^ tail.view("<u4")[:, 0]) * m
    h = (h ^ (h >> np.uint32(13))) * m
    return np.asarray(h ^ (h >> np.uint32(15)), np.uint32)
