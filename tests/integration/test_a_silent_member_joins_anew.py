"""A member of a consumer group whose heart stops beating is dropped and joins again, and reads on."""

from __future__ import annotations

import time
import uuid

import pytest

from wayfare.adapters import kafka_consumer
from wayfare.adapters.kafka_consumer import GroupConsumer
from wayfare.adapters.kafka_records import KafkaRecordLog
from wayfare.domain.errors import LogUnavailable


def rows_within(member: GroupConsumer, seconds: float) -> int:
    deadline, count = time.monotonic() + seconds, 0
    while not count and time.monotonic() < deadline:
        try:
            member.connect()
            changed, records = member.poll(0.1)
        except LogUnavailable:
            continue
        if changed:
            for partition in member.owned():
                member.seek(partition, None)
        count += sum(len(batch) for batch in records.values())
    return count


def poll_often(member: GroupConsumer) -> None:
    for _ in range(3):
        member.poll(0.01)


def test_a_member_without_a_heartbeat_is_dropped_and_reads_again(servers, monkeypatch):
    options = {"bootstrap_servers": servers.kafka_bootstrap.split(",")}
    log = KafkaRecordLog(options)
    log.append("bookings", uuid.uuid4().hex, {"schema": 1})
    log.close()
    member = GroupConsumer(options, f"g-{uuid.uuid4().hex[:8]}", ["bookings"], 100)
    assert rows_within(member, 60) > 0
    first = member._consumer
    monkeypatch.setattr(kafka_consumer, "LOST_HEARTBEAT_SECONDS", -1.0)
    with pytest.raises(LogUnavailable, match="joins anew"):
        poll_often(member)
    monkeypatch.undo()
    assert rows_within(member, 60) > 0
    assert member._consumer is not first
    member.close()
