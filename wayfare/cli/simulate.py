"""`wayfare simulate`: play the simulated city against services that run."""

from __future__ import annotations

import click

from local.play import Play
from wayfare.cli import playing


@click.command()
@click.option(
    "--speed", type=click.FloatRange(0.1, 600), help="City time per wall time [default: as the clock goes, at first 1]."
)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="One seed is one city.")
@click.option("--quotes-per-second", type=click.FloatRange(0, 500), help="Price checks a second beside requests.")
@playing.volume
@playing.ends
def command(
    speed: float | None,
    seed: int,
    quotes_per_second: float | None,
    volume: bool,
    for_seconds: float | None,
    as_json: bool,
) -> None:
    """Play riders, drivers and weather of the simulated city until Ctrl-C.

    Needs running services (`wayfare up`); prices are degraded until a model is published for `sim`.
    """
    more = {"WAYFARE_SIMULATION_SEED": str(seed)} | playing.rate(quotes_per_second) | playing.delivery(volume)
    playing.play(Play("city_simulator", "sim", speed, 1.0, more), for_seconds, as_json)
