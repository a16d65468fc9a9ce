"""`wayfare window`: the live window that prices stand on, shown, asked, and proven against the log."""

from __future__ import annotations

from typing import Any

import click
import redis
from rich.table import Table
from rich.text import Text

from wayfare.adapters.file_registry import FileRegistry
from wayfare.adapters.redis_window import PartitionStatus, RedisWindow, ingest_status
from wayfare.adapters.seen_registers import seen_registers
from wayfare.adapters.window_proof import prove
from wayfare.cli import console
from wayfare.cli.installation import complete_environment
from wayfare.cli.quote import PlaceType
from wayfare.domain.city import City
from wayfare.domain.errors import WindowUnavailable
from wayfare.domain.geo.cells import COUNTING_LEVEL, cell_of_point, from_quadkey, quadkey
from wayfare.domain.streams import seen as rule
from wayfare.domain.streams.drawing import drawn
from wayfare.domain.streams.panes import GAUGES, LEVELS, PANE_MS, WINDOW_PANES
from wayfare.domain.streams.window import LiveWindow
from wayfare.domain.times import format_rfc3339, parse_rfc3339
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
    statuses = _statuses(client, city)
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
@click.option("--at", "place", type=PlaceType(), help="A place; the cell that holds it is asked for.")
@click.option("--cell", "key", help=f"A cell by its quadkey of {COUNTING_LEVEL} digits.")
@click.option(
    "--interval", "moment", help="A moment (RFC 3339, Z) in the ten minutes asked for; the newest closed ones."
)
@click.option("--last", default=1, show_default=True, type=click.IntRange(1, 144), help="Ask for so many up to these.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def seen(
    city_id: str | None, place: dict[str, float] | None, key: str | None, moment: str | None, last: int, as_json: bool
) -> None:
    """Cabs seen in a cell in aligned ten minutes of the city's clock, each counted once, and in the whole city.

    The estimate comes from sketches, and what they promise stands beside it. Kept in Redis for two hours, then read from
    the log's panes, for a week.
    """
    cell = _cell(place, key)
    settings = _settings()
    city = _city(settings, city_id)
    client = _redis(settings)
    if moment is None:
        # Of the ten minutes that run now nothing is closed.
        newest = rule.interval_of(max(one.log_time_ms for one in _statuses(client, city))) - 1
    else:
        newest = rule.interval_of(parse_rfc3339(moment))
    numbers = range(newest - last + 1, newest + 1)
    found = seen_registers(RedisWindow(client), settings.kafka_options(), city.id, numbers)
    if not found:
        raise WindowUnavailable(f"nothing is kept of these ten minutes, got {_begins(newest)}")
    rows: list[dict[str, Any]] = []
    for number, held in sorted(found.items()):
        told = held.cell(cell)
        rows.append({"begins": _begins(number), "cabs_in_cell": told.estimate, "at_most_above": told.at_most_above,
                     "exact": told.exact, "cabs_in_city": rule.cabs([held]), "partitions": len(held.registers)})  # fmt: skip
    whole = rule.cabs(found.values())
    if as_json:
        console.print_json({"city": city.id, "cell": quadkey(cell), "confidence": rule.CONFIDENCE, "intervals": rows,
                            "cabs_in_city": whole, "cabs_standard_error": rule.STANDARD_ERROR})  # fmt: skip
        return
    table = Table("ten minutes from", "cabs in the cell", "promised error", "exact", "cabs in the city", "partitions",
                  title=f"{city.id}: cabs seen in {quadkey(cell)}")  # fmt: skip
    for row in rows:
        exact = "-" if row["exact"] is None else str(row["exact"])
        promised = f"at most +{row['at_most_above']:.2f} in {rule.CONFIDENCE:.1%}"
        table.add_row(
            row["begins"], str(row["cabs_in_cell"]), promised, exact, _cabs(row["cabs_in_city"]), str(row["partitions"])
        )
    console.OUT.print(table)
    console.OUT.print(f"different cabs in the city in all of these: {_cabs(whole)}")


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


def _cell(place: dict[str, float] | None, key: str | None) -> int:
    if (place is None) == (key is None):
        raise click.UsageError("one of --at and --cell is needed, got both or none")
    if place is not None:
        return cell_of_point(place["lat"], place["lon"])
    try:
        cell, level = from_quadkey(str(key))
    except ValueError as error:
        raise click.UsageError(f"a quadkey has digits of 0 to 3, got {key!r}") from error
    if level != COUNTING_LEVEL:
        raise click.UsageError(f"a counting cell has a quadkey of {COUNTING_LEVEL} digits, got {level}")
    return cell


def _begins(interval: int) -> str:
    return format_rfc3339(interval * rule.INTERVAL_MS)


def _cabs(estimate: float) -> str:
    return f"{estimate:.0f} ± {2 * rule.STANDARD_ERROR * estimate:.0f}"


def _statuses(client: redis.Redis, city: City) -> list[PartitionStatus]:
    statuses = ingest_status(client, city.id)
    if not statuses:
        raise WindowUnavailable(f"nothing has been counted of this city yet, got {city.id!r}")
    return statuses


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
