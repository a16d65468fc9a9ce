"""`wayfare dead-letter` over the real Kafka: what could not be used is listed, shown, and sent again as it was."""

from __future__ import annotations

import json
import uuid
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from wayfare.adapters.kafka_client import ARROW, JSON, Producer, header
from wayfare.adapters.kafka_consumer import MAX_RECORD_BYTES, read_partitions, send_dead_letter
from wayfare.cli.main import group

TOPIC = "weather"
"""One partition, so that where a record goes is certain."""


@pytest.fixture
def ask(servers, monkeypatch, tmp_path):
    monkeypatch.setenv("WAYFARE_STATE", str(tmp_path))
    monkeypatch.setenv("WAYFARE_KAFKA_BOOTSTRAP", servers.kafka_bootstrap)
    return lambda *words: CliRunner().invoke(group, ["dead-letter", *map(str, words)])


@pytest.fixture
def reason(servers):
    """A reason of the test's own, of two dead letters: one with a key, one packed; and one that had to be cut."""
    mine = f"strange-{uuid.uuid4().hex[:8]}"
    producer = Producer({"bootstrap_servers": [servers.kafka_bootstrap]}, 20.0)
    values = [(b"0231", b"{no json", JSON), (None, b"ARROW1\x00cut", ARROW), (b"long", b"x" * MAX_RECORD_BYTES, JSON)]
    letters = [
        SimpleNamespace(offset=700 + n, key=key, value=value, headers=[("content-type", kind.encode())])
        for n, (key, value, kind) in enumerate(values)
    ]
    producer.wait(
        [send_dead_letter(producer, one, TOPIC, 0, mine, f"cannot be read [{one.offset}]") for one in letters]
    )
    producer.close()
    return mine


def test_dead_letters_are_listed_shown_and_sent_again_as_they_were(ask, reason, servers):
    listed = json.loads(ask("list", "--json").output)
    assert [row["records"] for row in listed if (row["topic"], row["reason"]) == (TOPIC, reason)] == [3]
    shown = json.loads(ask("show", TOPIC, "--reason", reason, "--json").output)
    assert [(row["partition"], row["offset"], row["error"]) for row in shown] == [
        (0, 700 + n, f"cannot be read [{700 + n}]") for n in range(3)
    ]
    text = ask("show", TOPIC, "--reason", reason, "--last", 3).output
    assert "cannot be read [701]" in text
    assert "8 bytes: b'{no json'" in text

    options = {"bootstrap_servers": [servers.kafka_bootstrap]}
    before = sum(1 for _ in read_partitions(options, TOPIC))
    answer = ask("redrive", TOPIC, "--reason", reason)
    assert answer.exit_code == 1
    assert f"got {MAX_RECORD_BYTES - 65_536} of {MAX_RECORD_BYTES} bytes" in answer.output
    again = list(read_partitions(options, TOPIC))[before:]
    assert [(record.key, record.value) for record in again] == [(b"0231", b"{no json"), (None, b"ARROW1\x00cut")]
    assert [header(record.headers, "content-type") for record in again] == [JSON, ARROW]
    assert not [name for record in again for name, _ in record.headers if name.startswith("wayfare-")]


def test_one_is_chosen_by_its_partition_and_offset_and_nothing_by_accident(ask, reason):
    assert ask("redrive", TOPIC).exit_code == 2
    assert ask("redrive", TOPIC, "--offset", 700).exit_code == 2
    done = ask("redrive", TOPIC, "--reason", reason, "--partition", 0, "--offset", 700)
    assert done.exit_code == 0, done.output
    assert "1 sent" in done.output
    assert ask("redrive", TOPIC, "--reason", "no-such-reason").exit_code == 1
