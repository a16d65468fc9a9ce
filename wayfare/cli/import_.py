"""`wayfare import`: bring your own history."""

from __future__ import annotations

import os
import pathlib

import click

from local.layout import default_state
from local.stack import Stack
from wayfare.adapters.file_registry import FileRegistry
from wayfare.cli import console
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.settings import load


@click.group()
def command() -> None:
    """Bring your own history into the lake."""


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path))
@click.option("--city", "city_id", required=True, help="City that the trips belong to.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def trips(file: pathlib.Path, city_id: str, as_json: bool) -> None:
    """Import finished trips from FILE, Parquet or CSV, with the columns of the table `trips`.

    Rows that cannot be believed are rejected, counted by reason, and written to a file of their own.
    """
    from pipelines.history.imported import import_trips, meaning
    from pipelines.history.settings import HistorySettings

    os.environ |= Stack(default_state()).environment()
    settings = load(HistorySettings)
    city = FileRegistry(settings.cities_file, settings.env == "production").now().get(city_id)
    with console.progress("import") as say:
        say(file.name, "reading")
        # Recorded trips lie in the past of whichever clock is behind.
        done = import_trips(file, settings.lake, city, max(wall_ms(), city.clock.at(wall_ms())))
        say(file.name, "ok")
    if as_json:
        console.print_json(
            {
                "read": done.read,
                "accepted": done.accepted,
                "rejected": done.rejected,
                "by_reason": done.by_reason,
                "rejected_file": None if done.rejected_file is None else str(done.rejected_file),
            }
        )
        return
    again = ", replacing its earlier import" if done.reused else ""
    console.OUT.print(f"{done.read} trips read, {done.accepted} accepted{again}, {done.rejected} rejected")
    for reason, count in sorted(done.by_reason.items(), key=lambda entry: -entry[1]):
        console.OUT.print(f"  {count:>8}  {reason}: {meaning(reason)}")
    if done.rejected_file is not None:
        console.OUT.print(f"  rejected rows: {done.rejected_file}")
