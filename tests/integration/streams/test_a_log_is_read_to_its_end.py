"""Reading a whole topic: a reader that takes its time is no log that has stopped answering."""

from __future__ import annotations

import time

from wayfare.adapters import kafka_consumer


def test_a_slow_reader_gets_everything(stage, monkeypatch):
    monkeypatch.setattr(kafka_consumer, "_QUIET_SECONDS", 0.3)
    with stage.log(12) as log:
        for _ in range(3):
            log.step()
    found = []
    for record in kafka_consumer.read_partitions(stage.options, "ride-requests"):
        if not found or len(found) == 1:
            time.sleep(0.5)
        found.append(record)
    assert len({record.partition for record in found}) == 4
    time.sleep(0.1)
    assert len(found) == len(list(kafka_consumer.read_partitions(stage.options, "ride-requests")))
