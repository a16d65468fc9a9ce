"""What the servers must hold before services can work: topics in Kafka, tables in Cassandra."""

from __future__ import annotations

import pathlib

from local.ports import LOOPBACK
from local.probes import cassandra_settings
from wayfare.adapters import cassandra_session, kafka_admin


def prepare(server: str, port: int, state: pathlib.Path) -> None:
    """Create what is missing in a server that answers; safe to run at every start."""
    if server == "kafka":
        kafka_admin.create_topics({"bootstrap_servers": [f"{LOOPBACK}:{port}"]})
    elif server == "cassandra":
        cassandra_session.apply_schema(cassandra_settings(port, state))
