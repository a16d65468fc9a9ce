"""The real servers hold what the inventory says."""

from __future__ import annotations

import redis

from local.probes import quiet_drivers
from wayfare.adapters import cassandra_schema, cassandra_session, kafka_admin
from wayfare.inventory import TOPICS
from wayfare.runtime.settings import CassandraSettings


def test_kafka_holds_every_topic_of_the_inventory_with_its_partitions(servers):
    with kafka_admin.admin({"bootstrap_servers": [servers.kafka_bootstrap]}, 10) as client:
        found = {row["name"]: len(row["partitions"]) for row in client.describe_topics([row.name for row in TOPICS])}
    assert found == {row.name: row.partitions for row in TOPICS}


def test_creating_the_topics_again_creates_none(servers):
    assert kafka_admin.create_topics({"bootstrap_servers": [servers.kafka_bootstrap]}) == []


def test_redis_refuses_rather_than_evicts_when_it_is_full(servers):
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert int(client.config_get("maxmemory")["maxmemory"]) > 0


def test_cassandra_holds_every_table_and_syncs_before_it_answers(servers):
    settings = CassandraSettings(state=servers.state, cassandra_hosts=servers.cassandra_hosts)
    with quiet_drivers():
        session = cassandra_session.connect(settings)
        rows = session().execute("SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'wayfare'")
        tables = {row.table_name for row in rows}
        query = session.prepared("SELECT value FROM system_views.settings WHERE name = ?")
        assert session().execute(query, ["commitlog_sync"]).one().value == "batch"
        session.close()
    assert {statement.split("wayfare.")[1].split()[0] for statement in cassandra_schema.statements()[1:]} <= tables
