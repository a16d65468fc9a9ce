"""A topic is given more partitions: a newer generation is made, writers turn to it, and the older one is sealed.

Each step can be done again, so a growth that was broken off goes on where it stood:

1. the newer topic is made. Writers see it within a second and write to it; its readers wait;
2. until no writer can still hold a record for the older one (`LEASE_SECONDS`, then the longest acknowledgement), nothing
   happens, and the live window stands still;
3. each older partition gets its last record, the seal, with the newest moment of each city in any of them. Its reader
   writes what it came to, and the newer partitions begin with that (`domain.streams.takeover`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wayfare import inventory
from wayfare.adapters import json_events, kafka_admin
from wayfare.adapters.kafka_client import JSON, Producer, header
from wayfare.adapters.kafka_consumer import newest_received_at, read_partitions
from wayfare.adapters.kafka_events import KIND_HEADER, SEAL
from wayfare.adapters.kafka_generations import LEASE_SECONDS
from wayfare.adapters.kafka_snapshots import KafkaSnapshots
from wayfare.adapters.kafka_states import partitions_of
from wayfare.domain.errors import InvalidInput, LogUnavailable
from wayfare.domain.streams import generation
from wayfare.domain.streams.events import Seal
from wayfare.domain.streams.state import PartitionState

ACKNOWLEDGED_SECONDS = 6.0
"""Longer than any writer waits for an acknowledgement (`WAYFARE_APPEND_SECONDS`)."""
MOST_PARTITIONS = 256
_LAST_RECORDS = 20_000
_HANDED_OVER_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Growth:
    """From which topic to which, and the offset of the seal in each partition of the older one."""

    older: str
    newer: str
    sealed: Mapping[int, int]


def grow(
    options: Mapping[str, object],
    topic: str,
    partitions: int,
    replication_factor: int,
    say: Callable[[str, str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Growth:
    """Give a topic so many partitions; returns once the older ones are sealed.

    InvalidInput for fewer partitions than it has, or when another growth of it has not ended.
    """
    names = kafka_admin.topic_names(options)
    newest = generation.newest(topic, names)
    if newest is None:
        raise LogUnavailable(f"the topic does not exist yet, got {topic!r}")
    older = generation.before(newest, names)
    if older is None or len(sealed_at(options, older)) == partitions_of(older):
        older, newest = newest, _made(options, newest, partitions, replication_factor)
    elif partitions_of(newest) != partitions:
        raise InvalidInput(f"{newest} is still being turned to: end that first, got {partitions} partitions")
    for left in range(round(LEASE_SECONDS + ACKNOWLEDGED_SECONDS), 0, -1):
        say(newest, f"writers turn to it, {left} s")
        sleep(1.0)
    say(older, "is sealed")
    return Growth(older, newest, _seal(options, older, newest))


def _made(options: Mapping[str, object], older: str, partitions: int, replication_factor: int) -> str:
    told = generation.of(older)
    if not partitions_of(older) < partitions <= MOST_PARTITIONS:
        raise InvalidInput(
            f"{told.topic} has {partitions_of(older)} partitions and may have up to {MOST_PARTITIONS}, got {partitions}"
        )
    row = inventory.topic(told.topic)
    newer = inventory.Topic(
        generation.later(told.topic, told.number + 1, partitions),
        row.identity, partitions, row.retention_ms, row.compacted, row.holds,
    )  # fmt: skip
    kafka_admin.create_topics(options, [newer], replication_factor=replication_factor)
    return newer.name


def sealed_at(options: Mapping[str, object], name: str) -> dict[int, int]:
    """The offset of the seal of each partition that has one near its end."""
    found: dict[int, int] = {}
    for record in read_partitions(options, name, from_end=_LAST_RECORDS):
        if header(record.headers, KIND_HEADER) == SEAL.decode():
            found.setdefault(record.partition, record.offset)
    return found


def _seal(options: Mapping[str, object], older: str, newer: str) -> dict[int, int]:
    value = json_events.seal_bytes(Seal(newer, newest_received_at(options, [older], _LAST_RECORDS)))
    producer = Producer(options, 30.0)
    try:
        headers = [("content-type", JSON.encode()), (KIND_HEADER, SEAL)]
        producer.wait([producer.send(older, value, None, headers, at) for at in range(partitions_of(older))])
    finally:
        producer.close()
    return sealed_at(options, older)


def handed_over(
    options: Mapping[str, object],
    growth: Growth,
    say: Callable[[str, str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Return once ingest has saved what every older partition came to, with which the newer ones begin at once.

    LogUnavailable when it does not: no ingest runs, or it cannot write.
    """
    snapshots = KafkaSnapshots(options, Producer(options))
    deadline = time.monotonic() + _HANDED_OVER_SECONDS
    while True:
        held = snapshots.load()
        ended = [at for at in growth.sealed if (growth.older, at) in held and _ended(held[growth.older, at])]
        say(growth.older, f"{len(ended)} of {len(growth.sealed)} partitions are handed over")
        if len(ended) == len(growth.sealed):
            return
        if time.monotonic() > deadline:
            raise LogUnavailable(
                f"ingest has not handed {growth.older} over in {_HANDED_OVER_SECONDS:g} s, got partitions {ended} of it"
            )
        sleep(0.5)


def _ended(snapshot: bytes) -> bool:
    return PartitionState.restore(snapshot).successor is not None
