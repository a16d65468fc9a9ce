"""What a log alone gives: the state of each partition of a generation, from the first record of the first one on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wayfare import inventory
from wayfare.adapters import kafka_admin
from wayfare.adapters.kafka_consumer import read_partitions
from wayfare.adapters.kafka_decode import Decoder
from wayfare.domain.streams import generation, takeover
from wayfare.domain.streams.state import PartitionState

_AT_ONCE = 5_000
"""Records that are decoded together; bounds memory."""


def partitions_of(name: str) -> int:
    """How many partitions a generation has."""
    told = generation.of(name)
    return told.partitions or inventory.topic(told.topic).partitions


def before_first(options: Mapping[str, object], name: str) -> list[PartitionState]:
    """Each partition of a generation before its first record; LogUnavailable when the older logs cannot be read.

    InvalidInput when the generation before has not been sealed for it.
    """
    older = generation.before(name, kafka_admin.topic_names(options))
    count = partitions_of(name)
    if older is None:
        return [PartitionState(name, number) for number in range(count)]
    sealed = at_end(options, older)
    return [takeover.taken_over(name, number, count, sealed) for number in range(count)]


def at_end(options: Mapping[str, object], name: str) -> list[PartitionState]:
    """Each partition of a generation at its log's end as of now."""
    states = before_first(options, name)
    decoders = [Decoder(name, number, len(states)) for number in range(len(states))]
    held: list[list[Any]] = [[] for _ in states]

    def take(number: int) -> None:
        decoded = decoders[number].decode(held[number])
        states[number].take(decoded.segments, decoded.last_offset, decoded.sealed)
        held[number] = []

    for record in read_partitions(options, name):
        held[record.partition].append(record)
        if len(held[record.partition]) >= _AT_ONCE:
            take(record.partition)
    for number, records in enumerate(held):
        if records:
            take(number)
    return states
