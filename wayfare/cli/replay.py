"""`wayfare replay`: play recorded cabs against services that run."""

from __future__ import annotations

import pathlib

import click

from local.play import Play, file_of_recording
from wayfare.cli import playing


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path))
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 600),
    help="City time per wall time [default: as the clock goes, at first 60].",
)
@click.option("--quotes-per-second", type=click.FloatRange(0, 500), help="Price checks a second at real pickups.")
@playing.volume
@playing.ends
def command(
    file: pathlib.Path,
    speed: float | None,
    quotes_per_second: float | None,
    volume: bool,
    for_seconds: float | None,
    as_json: bool,
) -> None:
    """Play FILE, a Parquet file of GPS fixes (cab, t, lat_e5, lon_e5, occ), in San Francisco until Ctrl-C.

    Needs running services (`wayfare up`). The city's clock goes on from where the log ends, so a second run continues
    the recording.
    """
    more = file_of_recording(file) | playing.rate(quotes_per_second) | playing.delivery(volume)
    playing.play(Play("replayer", "sf", speed, 60.0, more), for_seconds, as_json)
