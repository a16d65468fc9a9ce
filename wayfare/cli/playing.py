"""What `wayfare simulate` and `wayfare replay` share: their common options, and what they show."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

import click

from local import play as local_play
from local.demo import display
from local.demo.figures import Figures
from local.layout import default_state
from local.stack import Stack, StackFailed
from wayfare.cli import console

F = TypeVar("F", bound=Callable[..., Any])

_SHOWN = ("multipliers", "quote latency", "event to price", "degradations", "events, quotes, bookings")


def ends(function: F) -> F:
    """Adds the options that say when a run ends and how it is told."""
    function = click.option("--json", "as_json", is_flag=True, help="Print the final figures as one JSON object.")(
        function
    )
    return click.option("--for", "for_seconds", type=click.FloatRange(min=1), help="Stop after so many seconds.")(
        function
    )


def volume(function: F) -> F:
    """Adds the option that sends events past events_api."""
    return click.option(
        "--volume", is_flag=True, help="Write events straight into Kafka: many more of them, checked by nobody."
    )(function)


def delivery(volume: bool) -> dict[str, str]:
    """The variable that says how events go, when it is not the usual way."""
    return {"WAYFARE_DELIVERY": "kafka"} if volume else {}


def rate(quotes_per_second: float | None) -> dict[str, str]:
    """The variable that sets the rate of price checks, when it was asked for."""
    return {} if quotes_per_second is None else {"WAYFARE_QUOTES_PER_SECOND": str(quotes_per_second)}


def line(statistics: dict[str, Any]) -> str:
    """The figures of an actor as one line."""
    rows = [(name, value) for name, value in display.rows(Figures(actor=statistics)) if name in _SHOWN]
    return " | ".join(f"{name}: {value}" for name, value in [("cabs", statistics.get("cabs", 0)), *rows])


def play(what: local_play.Play, for_seconds: float | None, as_json: bool) -> None:
    """Play until the time is over or Ctrl-C; exit status 1 when something failed."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        found = local_play.run(
            Stack(default_state()), what, for_seconds, lambda figures: console.ERR.print(line(figures))
        )
    except StackFailed as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        console.print_json(found)
    else:
        for name, value in found.items():
            console.OUT.print(f"  {name:26} {value}")
    if found.get("failures") or not found.get("done"):
        raise SystemExit(1)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
