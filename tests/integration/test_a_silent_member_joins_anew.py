"""A member of a consumer group whose heart stops beating is dropped and joins again, and reads on."""

from __future__ import annotations

import time
import uuid

import pytest

from wayfare.adapters import kafka_heart
from wayfare.adapters.kafka_consumer import GroupConsumer
from wayfare.adapters.kafka_group import KafkaGroup
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


def poll_often(member: GroupConsumer | KafkaGroup) -> None:
    for _ in range(3):
        member.poll(0.01, 100) if isinstance(member, KafkaGroup) else member.poll(0.01)


def test_a_member_without_a_heartbeat_is_dropped_and_reads_again(servers, monkeypatch):
    options = {"bootstrap_servers": servers.kafka_bootstrap.split(",")}
    log = KafkaRecordLog(options)
    log.append("bookings", uuid.uuid4().hex, {"schema": 1})
    log.close()
    member = GroupConsumer(options, f"g-{uuid.uuid4().hex[:8]}", ["bookings"], 100)
    assert rows_within(member, 60) > 0
    first = member._consumer
    monkeypatch.setattr(kafka_heart, "LOST_HEARTBEAT_SECONDS", -1.0)
    with pytest.raises(LogUnavailable, match="joins anew"):
        poll_often(member)
    monkeypatch.undo()
    assert rows_within(member, 60) > 0
    assert member._consumer is not first
    member.close()


def read_within(group: KafkaGroup, seconds: float) -> int:
    deadline, count = time.monotonic() + seconds, 0
    while not count and time.monotonic() < deadline:
        try:
            count += len(group.poll(0.1, 100))
        except LogUnavailable:
            continue
    return count


def test_the_relay_s_group_is_joined_anew_and_reads_what_was_not_committed(servers, monkeypatch):
    options = {"bootstrap_servers": servers.kafka_bootstrap.split(",")}
    log = KafkaRecordLog(options)
    log.append("predictions", uuid.uuid4().hex, {"schema": 1})
    log.close()
    revoked: list[int] = []
    group = KafkaGroup(options, "predictions", f"g-{uuid.uuid4().hex[:8]}", revoked.append)
    assert read_within(group, 60) > 0
    owned = set(group.owned)
    monkeypatch.setattr(kafka_heart, "LOST_HEARTBEAT_SECONDS", -1.0)
    with pytest.raises(LogUnavailable, match="joins anew"):
        poll_often(group)
    monkeypatch.undo()
    assert set(revoked) >= owned
    assert read_within(group, 60) > 0
    group.close()
