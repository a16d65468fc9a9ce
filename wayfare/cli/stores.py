"""`wayfare stores`: what Kafka and Cassandra must hold before services can work."""

from __future__ import annotations

import time
from collections.abc import Callable

import click
from pydantic import Field

from wayfare.adapters import cassandra_schema, cassandra_session, kafka_admin
from wayfare.cli import console
from wayfare.domain.errors import Unavailable
from wayfare.runtime.settings import CassandraSettings, TopicSettings, load

_PAUSE_SECONDS = 2.0


class StoresSettings(TopicSettings, CassandraSettings):
    """What the preparation of the stores is told."""

    cassandra_replication: str = Field(
        "1",
        description="Copies of each row: a number, or by data centre like dc1:3,dc2:3. Counts when the keyspace is made.",
    )
    cassandra_timeout_seconds: float = Field(30.0, gt=0, description="Longest wait for one Cassandra answer.")


@click.group()
def command() -> None:
    """Prepare the stores that services work on."""


@command.command()
@click.option("--wait", default=300.0, show_default=True, type=click.FloatRange(0), help="Seconds to wait for servers.")
def prepare(wait: float) -> None:
    """Create the topics and tables that are missing; what exists is left as it is. Safe to run at every release.

    Reads WAYFARE_KAFKA_* and WAYFARE_CASSANDRA_*. Exits with 1 when a server did not answer in time.
    """
    settings = load(StoresSettings)
    cassandra_schema.replication(settings.cassandra_replication)
    deadline = time.monotonic() + wait
    with console.progress("stores") as say:
        for name, step in (("kafka", _topics(settings)), ("cassandra", _tables(settings))):
            while True:
                try:
                    say(name, step())
                    break
                except Unavailable as error:
                    if time.monotonic() + _PAUSE_SECONDS > deadline:
                        raise
                    say(name, f"waiting: {error}")
                    time.sleep(_PAUSE_SECONDS)


def _topics(settings: StoresSettings) -> Callable[[], str]:
    def create() -> str:
        made = kafka_admin.create_topics(settings.kafka_options(), replication_factor=settings.kafka_replication)
        return f"ok, {len(made)} topics made"

    return create


def _tables(settings: StoresSettings) -> Callable[[], str]:
    def create() -> str:
        cassandra_session.apply_schema(settings, settings.cassandra_replication)
        return "ok"

    return create
