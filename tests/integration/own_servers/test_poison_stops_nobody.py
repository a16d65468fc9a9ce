"""Records that no reader can use, on the real broker: each is a dead letter with its reason, and what follows is counted."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import kafka
import numpy as np
import pyarrow as pa
import pytest

from tests.integration.own_servers.installation import CITY, until
from wayfare.adapters import arrow_events, json_events, kafka_dead_letters
from wayfare.adapters.kafka_client import ARROW, JSON, MAX_RECORD_BYTES
from wayfare.adapters.kafka_unpacking import MAX_BATCH_BYTES
from wayfare.adapters.redis_window import ingest_status
from wayfare.domain.streams.events import DriverPing
from wayfare.domain.streams.partition import partition_of

pytestmark = pytest.mark.timeout(300)  # a broker of its own

TOPIC, PARTITION, PARTITIONS = "driver-pings", 2, 4
BROKER_BYTES = 4 * 1024 * 1024
"""message.max.bytes of the brokers that Wayfare brings; a batch has 61 bytes beside its records."""


def ping(driver: str) -> DriverPing:
    return DriverPing(driver, time.time_ns() // 1_000_000, 37.7793, -122.4193, "available")


def driver(of_partition: int) -> str:
    names = (f"p-{uuid.uuid4().hex[:12]}" for _ in range(1_000))
    return next(name for name in names if partition_of(name, PARTITIONS) == of_partition)


def packed(drivers: list[str]) -> bytes:
    pings = [ping(one) for one in drivers]
    return arrow_events.pack(TOPIC, CITY, pings, pings[0].t_ms)


def of_another_schema() -> bytes:
    one = ping(driver(PARTITION))
    return json.dumps(json.loads(json_events.record_bytes(one, CITY, one.t_ms)) | {"schema": 2}).encode()


def dictionary_bomb() -> bytes:
    rows = 20_000
    base = arrow_events.unpack(TOPIC, packed([driver(PARTITION)]))
    columns = {n: pa.array(base.column(n).to_pylist() * rows, base.schema.field(n).type) for n in base.schema.names}
    columns["status"] = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array(["x" * 100_000]))
    schema = pa.schema([pa.field(name, column.type) for name, column in columns.items()], metadata={"schema": "1"})
    return arrow_events.write(pa.record_batch(list(columns.values()), schema))


def of_another_partition() -> bytes:
    one = ping(driver((PARTITION + 1) % PARTITIONS))
    return json_events.record_bytes(one, CITY, one.t_ms)


MADE: dict[str, tuple[str, Any, str, str]] = {
    "not JSON": (JSON, lambda: b"{no json", "unreadable", "unexpected"),
    "another schema": (JSON, of_another_schema, "unreadable", "schema"),
    "truncated Arrow": (ARROW, lambda: packed([driver(PARTITION)])[:-40], "unreadable", "got"),
    "an Arrow dictionary that unpacks to gigabytes": (ARROW, dictionary_bomb, "unreadable", "unpacks to at most"),
    "another partition": (JSON, of_another_partition, "foreign_partition", "belongs to another partition"),
    "the broker's size limit": (JSON, lambda: np.random.default_rng(1).bytes(BROKER_BYTES - 200), "unreadable", "got"),
    "huge headers": (JSON, lambda: b"{", "unreadable", "got"),
    "a batch that unpacks to much": ("zstd", lambda: bytes(8 * MAX_BATCH_BYTES), "unpackable", "unpacks to at most"),
}
"""How it is sent, the bytes, and the reason and a part of the error that its dead letter has."""


def send(own: Any, value: bytes, kind: str, headers: list[tuple[str, bytes]]) -> int:
    """The offset that the broker gave it."""
    producer = kafka.KafkaProducer(
        **own.options, acks="all", compression_type="zstd" if kind == "zstd" else None, max_request_size=1 << 30,
    )  # fmt: skip
    try:
        told = [("content-type", (JSON if kind == "zstd" else kind).encode()), *headers]
        return int(producer.send(TOPIC, value=value, headers=told, partition=PARTITION).get(30).offset)
    finally:
        producer.close()


def test_each_poison_is_a_dead_letter_with_its_reason_and_what_follows_is_counted(own):
    before = own.memory_mib("ingest")
    sent: dict[int, tuple[str, bytes]] = {}
    good = []
    for what, (kind, make, _reason, _error) in MADE.items():
        value = make()
        more = [("x-strange", b"h" * (MAX_RECORD_BYTES // 2))] if what == "huge headers" else []
        sent[send(own, value, kind, more)] = (what, value)
        good.append(driver(PARTITION))
        send(own, packed([good[-1]]), ARROW, [])

    def last_counted() -> int:
        found = [s for s in ingest_status(own.redis(), CITY) if (s.topic, s.partition) == (TOPIC, PARTITION)]
        return found[0].covers_offset if found else -1

    until(lambda: last_counted() > max(sent), "ingest is past the last poison")
    (status,) = [s for s in ingest_status(own.redis(), CITY) if (s.topic, s.partition) == (TOPIC, PARTITION)]
    assert status.applied >= len(good)

    def letters() -> dict[int, kafka_dead_letters.DeadLetter]:
        return {one.offset: one for one in kafka_dead_letters.read(own.options, TOPIC) if one.offset in sent}

    until(lambda: letters().keys() == sent.keys(), "every poison is a dead letter")
    for offset, letter in letters().items():
        what, value = sent[offset]
        _kind, _make, reason, error = MADE[what]
        assert (letter.reason, letter.partition) == (reason, PARTITION), what
        assert error in letter.error, what
        if what == "the broker's size limit":
            assert letter.cut_from_bytes == len(value)
            assert value.startswith(letter.value)
        elif what == "huge headers":
            assert (letter.value, letter.headers) == (value, [])
            assert letter.cut_from_bytes == len(value)
        elif what == "a batch that unpacks to much":
            assert len(letter.value) < 100_000, "its packed bytes"
        else:
            assert letter.value == value
    assert own.memory_mib("ingest") - before < 256, "no bomb was unpacked"
    assert own.reasons("ingest") == {}
    assert own.proven() > 0


def test_the_broker_takes_no_more_than_its_limit(own):
    with pytest.raises(kafka.errors.MessageSizeTooLargeError):
        send(own, np.random.default_rng(1).bytes(BROKER_BYTES), JSON, [])
