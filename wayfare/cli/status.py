"""`wayfare status`: the cities and their clocks, and how every process is."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import click
from rich.table import Table

from local.layout import Layout, default_state
from local.stack import Stack
from wayfare.adapters.file_registry import FileRegistry
from wayfare.cli import console
from wayfare.domain.errors import SettingsInvalid
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.clock import wall_ms


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Show the cities and their clocks, and how every process is.

    Exits with 1 unless every process that was started is healthy.
    """
    state = default_state()
    processes = [dataclasses.asdict(row) for row in Stack(state).status()]
    report = {
        "state_dir": str(state),
        "cities": cities(Layout(state).cities_file, wall_ms()),
        "processes": processes,
    }
    if as_json:
        console.print_json(report)
    else:
        _show(report)
    started = [row for row in processes if row["health"] != "stopped"]
    if not started or any(row["health"] != "ok" for row in started):
        raise SystemExit(1)


def cities(file: pathlib.Path, now_ms: int) -> list[dict[str, Any]]:
    """The registered cities as `wayfare status --json` gives them; none when there is no registry yet."""
    if not file.exists():
        return []
    try:
        registry = FileRegistry(file, production=False).now()
    except SettingsInvalid as error:
        raise click.ClickException(str(error)) from error
    return [
        {
            "id": city.id,
            "clock": {"now": format_rfc3339(city.clock.at(now_ms)), "speed": city.clock.speed},
            "center": {"lat": city.center.lat, "lon": city.center.lon},
        }
        for city in registry
    ]


def _show(report: dict[str, Any]) -> None:
    console.OUT.print(f"state in {report['state_dir']}")
    for city in report["cities"]:
        console.OUT.print(f"city {city['id']}: {city['clock']['now']} at speed {city['clock']['speed']:g}")
    if not report["processes"]:
        console.OUT.print("nothing was ever started here: `wayfare up`")
        return
    table = Table("process", "address", "admin", "pid", "health", box=None, padding=(0, 2, 0, 0))
    for row in report["processes"]:
        colour = {"ok": "green", "stopped": "dim"}.get(row["health"], "red")
        health = row["health"].replace("[", "\\[")
        table.add_row(
            row["name"],
            row["address"] or "-",
            row["admin_address"] or "-",
            str(row["pid"] or "-"),
            f"[{colour}]{health}[/]",
        )
    console.OUT.print(table)
