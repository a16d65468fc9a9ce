"""The accounts of a run, against a real log: own rows, rows of others, rows sent again, ticks left out."""

from __future__ import annotations

import uuid

from local.demo.accounting import LogReader, Processed
from wayfare.adapters.kafka_events import KafkaEventLog
from wayfare.adapters.redis_window import PartitionStatus
from wayfare.domain.streams.events import DriverPing

T = 1_795_000_000_000


def pings(count: int, prefix: str) -> list[DriverPing]:
    return [DriverPing(f"{prefix}-{number}", T + number, 37.77, -122.42, "available") for number in range(count)]


def test_rows_are_told_apart_by_sender_and_identity_and_ticks_are_no_rows(servers):
    reader = LogReader(servers.kafka_bootstrap)
    start = reader.ends()
    log = KafkaEventLog({"bootstrap_servers": servers.kafka_bootstrap.split(",")}, timeout_seconds=20)
    mine, city = f"s-{uuid.uuid4().hex[:8]}", f"c-{uuid.uuid4().hex[:8]}"
    log.append("driver-pings", city, pings(100, mine), T, sender=mine)
    log.append("driver-pings", city, pings(3, mine), T, sender=mine)
    log.append("driver-pings", city, pings(5, "other"), T, sender="somebody-else")
    log.tick("driver-pings", {city: T + 77_000})
    log.close()
    found = reader.read(start, reader.ends(), mine)
    assert found.rows["driver-pings"] >= 108
    assert found.repeated["driver-pings"] == 3
    assert found.foreign["driver-pings"] >= 5
    assert found.own("driver-pings") == 100
    assert reader.newest_tick(city) == T + 77_000
    reader.close()


def test_processing_has_come_far_enough_only_when_every_partition_has(tmp_path):
    status = PartitionStatus("driver-pings", 0, 9, T, applied=7, rejected={"duplicate": 2})
    done = Processed.now([status], tmp_path, rejected_trips=1)
    assert done.rows == {"trips": 1, "driver-pings": 9}
    assert done.reaches({("driver-pings", 0): 10}, {("driver-pings", 0): 0})
    assert not done.reaches({("driver-pings", 0): 10, ("driver-pings", 1): 4}, {})
    assert done.reaches({("driver-pings", 0): 10, ("driver-pings", 1): 4}, {("driver-pings", 1): 4})
