"""`wayfare drift`: the drift report of recorded data, without servers."""

from __future__ import annotations

import datetime as dt
import pathlib

import click

from wayfare.cli import console
from wayfare.domain.city import City
from wayfare.domain.errors import InvalidInput
from wayfare.runtime.clock import wall_ms


@click.group()
def command() -> None:
    """Reports whether recorded predictions still are of the world that a model was trained on."""


_CITY = click.option("--city", "city_id", required=True, help="Which city, as registered.")
_CITIES = click.option(
    "--cities",
    type=click.Path(path_type=pathlib.Path, exists=True),
    help="File of cities; default: that of this installation, else those that Wayfare comes with.",
)
_OUT = click.option("--out", required=True, type=click.Path(path_type=pathlib.Path), help="HTML file to write.")


@command.command()
@click.option("--reference", required=True, type=click.Path(path_type=pathlib.Path, exists=True))
@click.option("--predictions", required=True, type=click.Path(path_type=pathlib.Path, exists=True))
@click.option("--tree", type=click.Path(path_type=pathlib.Path, exists=True), help="tree.npz, to name and draw cells.")
@_CITY
@_CITIES
@_OUT
def report(
    reference: pathlib.Path,
    predictions: pathlib.Path,
    tree: pathlib.Path | None,
    city_id: str,
    cities: pathlib.Path | None,
    out: pathlib.Path,
) -> None:
    """Judge predictions (Parquet, or JSON lines) against an artifact's drift_reference.json."""
    from pipelines.drift import steps
    from wayfare.domain.drift.series import checked_reference
    from wayfare.domain.geo import quadtree

    city = _city(city_id, cities)
    rows = steps.read_predictions(predictions, city)
    _monitor, judgement = steps.judge(checked_reference(reference.read_bytes()), city, rows, wall_ms())
    out.write_text(steps.html(judgement, quadtree.from_npz(tree.read_bytes()) if tree else None))
    _tell(judgement, out)


@command.command()
@click.argument("file", type=click.Path(path_type=pathlib.Path, exists=True))
@click.option("--from", "first", required=True, help="First local day, like 2008-05-20.")
@click.option("--days", default=2, show_default=True, type=click.IntRange(2), help="How many days in all.")
@click.option(
    "--reference-days", default=1, show_default=True, type=click.IntRange(1), help="How many are the reference."
)
@_CITY
@_CITIES
@_OUT
def trips(
    file: pathlib.Path,
    first: str,
    days: int,
    reference_days: int,
    city_id: str,
    cities: pathlib.Path | None,
    out: pathlib.Path,
) -> None:
    """Recorded trips: the first days are the reference, what follows is judged."""
    from pipelines.drift import steps

    try:
        begin = dt.date.fromisoformat(first)
    except ValueError as error:
        raise click.UsageError(f"--from is a day like 2008-05-20, got {first!r}") from error
    if reference_days >= days:
        raise click.UsageError(f"--reference-days must leave a day to judge, got {reference_days} of {days}")
    city = _city(city_id, cities)
    reference, rows, tree = steps.of_trips(file, city, begin, days, reference_days, console.OUT.print)
    _monitor, judgement = steps.judge(reference, city, rows, wall_ms())
    out.write_text(steps.html(judgement, tree))
    _tell(judgement, out)


def _city(city_id: str, given: pathlib.Path | None) -> City:
    from local import cities
    from local.layout import Layout, default_state
    from wayfare.adapters.file_registry import FileRegistry

    usual = Layout(default_state()).cities_file
    path = given or (usual if usual.exists() else None)
    if path is not None:
        registry = FileRegistry(path, production=False).now()
        if given is not None or city_id in registry.ids():
            return registry.get(city_id)
    if city_id not in cities.names():
        raise InvalidInput(f"no such city comes with Wayfare, got {city_id!r} beside {cities.names()}")
    return cities.load(city_id)


def _tell(judgement: dict[str, object], out: pathlib.Path) -> None:
    checks = judgement["checks"]
    assert isinstance(checks, dict)
    for name, one in checks.items():
        features = ", ".join(sorted({alarm["feature"] for alarm in one["alarms"]}))
        console.OUT.print(f"  {name:14} {one['state']:8} {features or one['reason']}")
    console.OUT.print(f"written to {out}")
