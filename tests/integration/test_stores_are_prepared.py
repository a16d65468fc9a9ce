"""`wayfare stores prepare` on real servers: what is missing is made, what exists is left, who is away is waited for."""

from __future__ import annotations

import secrets

import pytest
from click.testing import CliRunner

from wayfare.adapters import kafka_admin
from wayfare.adapters.cassandra_session import LazySession
from wayfare.cli.main import group
from wayfare.cli.stores import StoresSettings
from wayfare.domain.errors import LogUnavailable
from wayfare.inventory import TOPICS


@pytest.fixture
def told(servers, monkeypatch, tmp_path):
    keyspace = f"made_{secrets.token_hex(4)}"
    monkeypatch.setenv("WAYFARE_STATE", str(tmp_path))
    monkeypatch.setenv("WAYFARE_KAFKA_BOOTSTRAP", servers.kafka_bootstrap)
    monkeypatch.setenv("WAYFARE_CASSANDRA_HOSTS", servers.cassandra_hosts)
    monkeypatch.setenv("WAYFARE_CASSANDRA_KEYSPACE", keyspace)
    yield StoresSettings()
    session = LazySession(StoresSettings())
    session().execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=60)
    session.close()


def test_topics_and_tables_are_made_and_a_second_run_changes_nothing(told):
    for _ in range(2):
        answer = CliRunner().invoke(group, ["stores", "prepare", "--wait", "60"])
        assert answer.exit_code == 0, answer.output
    assert {topic.name for topic in TOPICS} <= kafka_admin.topic_names(told.kafka_options())
    session = LazySession(told, keyspace=told.cassandra_keyspace)
    assert session().execute("SELECT quote_id FROM bookings").one() is None
    session.close()


def test_a_server_that_does_not_answer_in_time_is_an_error(told, monkeypatch):
    monkeypatch.setenv("WAYFARE_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    answer = CliRunner().invoke(group, ["stores", "prepare", "--wait", "0"])
    assert isinstance(answer.exception, LogUnavailable)
