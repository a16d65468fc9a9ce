"""`wayfare topic`: the topics that live state is computed from, and giving one of them more partitions."""

from __future__ import annotations

import click
from rich.table import Table

from wayfare.adapters import kafka_admin, kafka_growing, kafka_states
from wayfare.cli import console
from wayfare.cli.installation import complete_environment
from wayfare.domain.streams import generation
from wayfare.inventory import LIVE_TOPICS
from wayfare.runtime.settings import TopicSettings, load


@click.group()
def command() -> None:
    """Look at topics, and give one more partitions. Reads $WAYFARE_* where set, else this machine's installation."""


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def show(as_json: bool) -> None:
    """Every generation of the topics that live state is computed from, and whether it is sealed."""
    options = _settings().kafka_options()
    names = kafka_admin.topic_names(options)
    rows = []
    for topic in LIVE_TOPICS:
        of_topic = sorted((n for n in names if generation.topic_of(n) == topic), key=lambda n: generation.of(n).number)
        for name in of_topic:
            partitions = kafka_states.partitions_of(name)
            sealed = len(kafka_growing.sealed_at(options, name)) if name != of_topic[-1] else 0
            rows.append({"topic": topic, "name": name, "partitions": partitions, "sealed": sealed})
    if as_json:
        console.print_json(rows)
        return
    table = Table("topic", "generation", "partitions", "sealed")
    for row in rows:
        table.add_row(*map(str, row.values()))
    console.OUT.print(table)


@command.command()
@click.argument("topic", type=click.Choice(LIVE_TOPICS))
@click.option("--partitions", required=True, type=click.IntRange(2, kafka_growing.MOST_PARTITIONS), help="How many.")
@click.option("--no-wait", is_flag=True, help="Do not wait until ingest has taken over.")
def grow(topic: str, partitions: int, no_wait: bool) -> None:
    """Give TOPIC more partitions: a newer generation takes over from the older one, and no event is lost or counted twice.

    The live window of the topic stands still for about 20 seconds meanwhile. What was broken off goes on when it is
    asked for again.
    """
    settings = _settings()
    options = settings.kafka_options()
    with console.progress("grow") as say:
        growth = kafka_growing.grow(options, topic, partitions, settings.kafka_replication, say)
        if not no_wait:
            kafka_growing.handed_over(options, growth, say)
    offsets = ", ".join(f"{at} at {offset}" for at, offset in sorted(growth.sealed.items()))
    console.OUT.print(f"{growth.newer} goes on from {growth.older}, whose partitions were sealed: {offsets}")


def _settings() -> TopicSettings:
    complete_environment()
    return load(TopicSettings)
