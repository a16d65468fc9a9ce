"""Which partition of a topic an identity belongs to: murmur2, as Kafka's own default partitioner has it.

Everything that counts distinct cabs or requests relies on one identity living in one partition, so the function is
fixed for the life of a topic generation. Source: `org.apache.kafka.common.utils.Utils.murmur2`.
"""

from __future__ import annotations

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
