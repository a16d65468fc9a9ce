"""Offsets of all partitions or an error that callers expect: never a part, never a defect."""

from __future__ import annotations

import kafka.errors
import pytest

from wayfare.adapters import kafka_client
from wayfare.adapters.kafka_client import offsets_of


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(kafka_client, "_BETWEEN_SECONDS", 0.0)


def test_a_broker_that_told_of_some_partitions_only_is_asked_again():
    asked = []

    def ask(partitions, timeout_ms):
        asked.append(timeout_ms)
        if len(asked) < 3:
            raise KeyError(partitions[1])
        return dict.fromkeys(partitions, 7)

    assert offsets_of(ask, ("a", "b"), timeout_ms=9) == {"a": 7, "b": 7}
    assert asked == [9, 9, 9]


def test_brokers_that_never_tell_are_an_error_of_kafka_that_names_what_lacks():
    def ask(partitions):
        raise KeyError("b")

    with pytest.raises(kafka.errors.KafkaError, match="got none of 'b'"):
        offsets_of(ask, ["a", "b"])
