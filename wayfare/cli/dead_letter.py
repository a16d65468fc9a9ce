"""`wayfare dead-letter`: records that could not be used: how many and why, what they are, and sending them again."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

import click
from rich.table import Table

from wayfare.adapters import kafka_admin, kafka_dead_letters
from wayfare.adapters.kafka_client import Producer
from wayfare.adapters.kafka_dead_letters import SUFFIX, DeadLetter
from wayfare.cli import console
from wayfare.cli.installation import complete_environment
from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams.generation import newest
from wayfare.domain.times import format_rfc3339
from wayfare.inventory import TOPICS
from wayfare.runtime.settings import KafkaSettings, load

ORIGINS = tuple(topic.name.removesuffix(SUFFIX) for topic in TOPICS if topic.name.endswith(SUFFIX))
SHOWN_BYTES = 200
AT_ONCE = 500


@click.group()
def command() -> None:
    """Look at records that could not be used, and send them again. Reads $WAYFARE_* where set, else this machine's installation."""


_TOPIC = click.argument("topic", type=click.Choice(ORIGINS))
_REASON = click.option("--reason", help="Only those of this reason, as `list` tells it.")
_PARTITION = click.option("--partition", type=click.IntRange(0), help="Only those of this partition of the topic.")
_OFFSET = click.option("--offset", type=click.IntRange(0), help="Only the one of this offset of the topic.")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_(as_json: bool) -> None:
    """How many dead letters each topic has, by reason, and when the newest came."""
    settings = _settings()
    rows = []
    for topic in ORIGINS:
        counts: Counter[str] = Counter()
        newest: dict[str, int] = {}
        for letter in kafka_dead_letters.read(settings.kafka_options(), topic):
            counts[letter.reason] += 1
            newest[letter.reason] = max(letter.at_ms, newest.get(letter.reason, 0))
        rows += [
            {"topic": topic, "reason": reason, "records": count, "newest": format_rfc3339(newest[reason])}
            for reason, count in counts.most_common()
        ]
    if as_json:
        console.print_json(rows)
        return
    table = Table("topic", "reason", "records", "newest")
    for row in rows:
        table.add_row(*map(str, row.values()))
    console.OUT.print(table if rows else "there is no dead letter")


@command.command()
@_TOPIC
@_REASON
@_PARTITION
@_OFFSET
@click.option("--last", default=20, show_default=True, type=click.IntRange(1), help="Newest ones shown.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array, bytes in hexadecimal.")
def show(topic: str, reason: str | None, partition: int | None, offset: int | None, last: int, as_json: bool) -> None:
    """The newest dead letters of TOPIC: where each was, why it could not be used, and how it begins."""
    letters = deque(_chosen(topic, reason, partition, offset), maxlen=last)
    if as_json:
        console.print_json(
            [
                {"partition": one.partition, "offset": one.offset, "at": format_rfc3339(one.at_ms), "reason": one.reason,
                 "error": one.error, "key": one.key and one.key.hex(), "value": one.value.hex(),
                 "headers": {name: text.decode("utf-8", "replace") for name, text in one.headers}}
                for one in letters
            ]
        )  # fmt: skip
        return
    for one in letters:
        console.OUT.print(
            f"{topic}/{one.partition} offset {one.offset}, {format_rfc3339(one.at_ms)}: {one.reason}: {one.error}",
            markup=False,
        )
        console.OUT.print(f"  {len(one.value)} bytes: {one.value[:SHOWN_BYTES]!r}", markup=False)
    if not letters:
        console.OUT.print("there is no such dead letter")


@command.command()
@_TOPIC
@_REASON
@_PARTITION
@_OFFSET
@click.option("--all", "everything", is_flag=True, help="Every one that is kept.")
def redrive(topic: str, reason: str | None, partition: int | None, offset: int | None, everything: bool) -> None:
    """Send dead letters of TOPIC to it again, once what refused them has been mended.

    They stay among the dead letters until they expire. Sending one twice does no harm: readers know it by its key.
    """
    if not everything and reason is None and offset is None:
        raise click.UsageError("which ones? give --offset with --partition, --reason, or --all")
    if offset is not None and partition is None:
        raise click.UsageError(f"an offset is of a partition: give --partition too, got --offset {offset}")
    options = _settings().kafka_options()
    name = newest(topic, kafka_admin.topic_names(options)) or topic
    producer = Producer(options, 30.0, linger_ms=20)
    sent, refused = 0, []
    try:
        with console.progress("redrive") as say:
            futures = []
            for letter in _chosen(topic, reason, partition, offset):
                try:
                    futures += kafka_dead_letters.redrive(producer, letter, name)
                    sent += 1
                except InvalidInput as error:
                    refused.append(str(error))
                if len(futures) >= AT_ONCE:
                    producer.wait(futures)
                    futures = []
                    say(topic, f"{sent} sent")
            producer.wait(futures)
            say(topic, f"{sent} sent")
    finally:
        producer.close()
    for why in refused:
        console.ERR.print(why, markup=False)
    if refused or not sent:
        raise SystemExit(1)


def _chosen(topic: str, reason: str | None, partition: int | None, offset: int | None) -> Iterator[DeadLetter]:
    for letter in kafka_dead_letters.read(_settings().kafka_options(), topic):
        if (
            reason in (None, letter.reason)
            and partition in (None, letter.partition)
            and offset in (None, letter.offset)
        ):
            yield letter


def _settings() -> KafkaSettings:
    complete_environment()
    return load(KafkaSettings)
