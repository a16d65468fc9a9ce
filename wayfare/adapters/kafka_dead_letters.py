"""Dead letters read back, and sent again where they came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wayfare.adapters import arrow_events
from wayfare.adapters.kafka_client import Headers, Producer, header
from wayfare.adapters.kafka_consumer import (
    CUT_HEADER,
    ERROR_HEADER,
    OFFSET_HEADER,
    PARTITION_HEADER,
    REASON_HEADER,
    TOPIC_HEADER,
    read_partitions,
)
from wayfare.domain.errors import InvalidInput

SUFFIX = ".dead-letter"
_OURS = (REASON_HEADER, ERROR_HEADER, OFFSET_HEADER, PARTITION_HEADER, CUT_HEADER, TOPIC_HEADER)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be used. generation, partition, offset: where it was in its own topic; value: its bytes.

    cut_from_bytes: how long it was where it was too long to be kept whole; None of a whole one. at_ms: when it came here.
    """

    topic: str
    partition: int
    offset: int
    reason: str
    error: str
    key: bytes | None
    value: bytes
    headers: Headers
    cut_from_bytes: int | None
    at_ms: int
    generation: str


def read(options: Mapping[str, object], topic: str) -> Iterator[DeadLetter]:
    """Every dead letter of a topic that is still kept, oldest first in each partition. LogUnavailable when it cannot be read."""
    for record in read_partitions(options, f"{topic}{SUFFIX}"):
        yield _letter(topic, record)


def _letter(topic: str, record: Any) -> DeadLetter:
    cut = header(record.headers, CUT_HEADER)
    return DeadLetter(
        topic,
        int(header(record.headers, PARTITION_HEADER) or -1),
        int(header(record.headers, OFFSET_HEADER) or -1),
        header(record.headers, REASON_HEADER) or "unknown",
        str(json.loads(header(record.headers, ERROR_HEADER) or '""')),
        record.key,
        record.value or b"",
        [(name, text) for name, text in record.headers if name not in _OURS],
        int(cut) if cut else None,
        record.timestamp,
        header(record.headers, TOPIC_HEADER) or topic,
    )


def redrive(producer: Producer, letter: DeadLetter, generation: str) -> list[Any]:
    """Send a record again to a generation of its topic, as it was; futures. With a key it goes where the key belongs.

    Without one it goes whence it came, or, to another generation, row by row where each belongs. Readers know repeats by
    their keys, so a second time does no harm. InvalidInput for a letter that was cut: its whole bytes are only in the log,
    at its partition and offset.
    """
    if letter.cut_from_bytes is not None:
        raise InvalidInput(
            f"offset {letter.offset} of {letter.topic}/{letter.partition} was too long to be kept whole, "
            f"got {len(letter.value)} of {letter.cut_from_bytes} bytes"
        )
    parts: dict[int | None, bytes] = {None if letter.key else letter.partition: letter.value}
    if not letter.key and letter.generation != generation:
        parts = dict(arrow_events.apart(letter.topic, letter.value, producer.partitions(generation)).items())
    return [producer.send(generation, value, letter.key, letter.headers, at) for at, value in parts.items()]
