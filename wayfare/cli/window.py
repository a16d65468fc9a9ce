"""`wayfare window`: the live window that prices stand on, shown, and proven against the log."""

from __future__ import annotations

import click
import redis
from rich.table import Table
from rich.text import Text

from wayfare.adapters.file_registry import FileRegistry
from wayfare.adapters.redis_window import RedisWindow, ingest_status
from wayfare.adapters.window_proof import prove
from wayfare.cli import console
from wayfare.cli.installation import complete_environment
from wayfare.domain.city import City
from wayfare.domain.errors import WindowUnavailable
from wayfare.domain.streams.drawing import drawn
from wayfare.domain.streams.panes import GAUGES, LEVELS, PANE_MS, WINDOW_PANES
from wayfare.domain.streams.window import LiveWindow
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.settings import CitySettings, KafkaSettings, RedisSettings, load

DIFFERENCES_SHOWN = 10


class WindowSettings(KafkaSettings, RedisSettings, CitySettings):
    """What looking at the live window is told."""

    redis_timeout_seconds: float = 5.0


@click.group()
def command() -> None:
    """Look at the live window in Redis. Reads $WAYFARE_* where they are set, else the installation of this machine."""


_CITY = click.option("--city", "city_id", help="Id of the city; the only registered one otherwise.")


@command.command()
@_CITY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(city_id: str | None, as_json: bool) -> None:
    """The live window as a table and a small map: cabs available, and where riders wait for one."""
    settings = _settings()
    city = _city(settings, city_id)
    client = _redis(settings)
    statuses = ingest_status(client, city.id)
    if not statuses:
        raise WindowUnavailable(f"nothing has been counted of this city yet, got {city.id!r}")
    window = LiveWindow(city)
    window.update(RedisWindow(client).read(city.id, max(one.log_time_ms for one in statuses) // PANE_MS))
    age_s = max(0, city.clock.at(wall_ms()) - (window.newest_received_at_ms or 0)) / 1000 / city.clock.speed
    totals = {gauge: window.level_total(gauge) for gauge in GAUGES}
    if as_json:
        rows = [{"topic": s.topic, "partition": s.partition, "offset": s.covers_offset, "applied": s.applied,
                 "rejected": dict(s.rejected)} for s in statuses]  # fmt: skip
        console.print_json({"city": city.id, "age_s": round(age_s, 3), "gauges": totals, "partitions": rows})
        return
    table = Table("gauge", "what it counts", "city", "busiest cell", title=f"{city.id}: {age_s:.1f} s old")
    for gauge, total in totals.items():
        _cells, counts = window.cells(gauge)
        what = "now" if gauge in LEVELS else f"in the last {WINDOW_PANES} minutes"
        most = str(counts.max()) if len(counts) else "-"
        table.add_row(gauge, what, "no source" if total is None else str(total), most)
    console.OUT.print(table)
    parts = Table("topic", "partition", "offset", "applied", "rejected")
    for one in statuses:
        rejected = ", ".join(f"{reason} {count}" for reason, count in sorted(one.rejected.items())) or "-"
        parts.add_row(one.topic, str(one.partition), str(one.covers_offset), str(one.applied), rejected)
    console.OUT.print(parts)
    lines = drawn(city, window.cells("cabs_available"), window.cells("requests_waiting"))
    for line in lines:
        console.OUT.print(Text.assemble(*((mark, "red" if waits else "") for mark, waits in line)))
    console.OUT.print("[dim]. to @: cabs available; red: more riders wait there than cabs are available[/]")


@command.command()
@_CITY
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(city_id: str | None, as_json: bool) -> None:
    """Compute the window again from the log and compare it with Redis bit by bit.

    Every register is computed as of the offset that it says it covers, so events may go on. Exits with 0 when all are
    equal, with 1 and the first differences otherwise. Reads the whole log.
    """
    settings = _settings()
    city = _city(settings, city_id)
    with console.progress("verify") as say:
        proof = prove(settings.kafka_options(), _redis(settings), city.id, say)
    told = sorted(proof.differences.items())
    if as_json:
        console.print_json(
            {"city": city.id, "registers": proof.registers, "records": proof.records, "differences": dict(told)}
        )
    else:
        for key, what in told[:DIFFERENCES_SHOWN]:
            console.OUT.print(f"{key} {what}")
        console.OUT.print(
            f"{proof.registers} registers against {proof.records} records of the log: {len(told)} differences"
        )
    if told:
        raise SystemExit(1)


def _settings() -> WindowSettings:
    complete_environment()
    return load(WindowSettings)


def _city(settings: WindowSettings, city_id: str | None) -> City:
    registry = FileRegistry(settings.cities_file, settings.env == "production").now()
    if city_id is None and len(registry.ids()) != 1:
        raise click.UsageError(f"--city is needed when several cities are registered, got {registry.ids()}")
    return registry.get(city_id or registry.ids()[0])


def _redis(settings: WindowSettings) -> redis.Redis:
    wait = settings.redis_timeout_seconds
    return redis.Redis.from_url(settings.redis_url, socket_timeout=wait, socket_connect_timeout=wait)
