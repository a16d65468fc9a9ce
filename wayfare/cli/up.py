"""`wayfare up`: start the servers and services, and wait until they work."""

from __future__ import annotations

import dataclasses
import time

import click

from local.layout import default_state
from local.stack import KNOWN_NAMES, SERVER_NAMES, Stack
from wayfare.cli import console


@click.command()
@click.option("--only", metavar="NAMES", help="Start these alone, for example kafka,redis,cassandra.")
@click.option("--no-services", is_flag=True, help="Start the servers alone: Kafka, Redis and Cassandra.")
@click.option("--json", "as_json", is_flag=True, help="Print the addresses as one JSON object.")
def command(only: str | None, no_services: bool, as_json: bool) -> None:
    """Start the servers and Wayfare's services, and wait until they work.

    What runs already stays as it is. Whatever ends is started again until `wayfare down`.
    """
    if only is not None and no_services:
        raise click.UsageError("--only and --no-services exclude each other")
    names: list[str] | None = list(SERVER_NAMES) if no_services else None
    if only is not None:
        names = [name.strip() for name in only.split(",") if name.strip()]
        unknown = sorted(set(names) - {*KNOWN_NAMES})
        if unknown or not names:
            raise click.BadParameter(f"names are among {[*KNOWN_NAMES]}, got {only!r}")
    started = time.monotonic()
    stack = Stack(default_state())
    with console.progress("up") as say:
        addresses = stack.start(names, say)
    if as_json:
        console.print_json({name: str(value) for name, value in dataclasses.asdict(addresses).items() if value})
        return
    console.OUT.print(f"Wayfare is up after {time.monotonic() - started:.1f} s, state in {addresses.state}")
    for address, value in (("events", addresses.events_url), ("pricing", addresses.pricing_url)):
        if value and (names is None or f"{address}_api" in names):
            console.OUT.print(f"  {address:8} {value}")
    if names is None:
        console.OUT.print(f"  console  {addresses.console_url}")
        console.OUT.print("           sign in with the output of `wayfare token --role operator --subject me`")
        console.OUT.print(f"  figures  {addresses.prometheus_url}")
        console.OUT.print(f"  alerts   {addresses.alertmanager_url}")
    console.OUT.print("  `wayfare status` shows each process, `wayfare down` stops them")
