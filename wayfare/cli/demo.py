"""`wayfare demo`: the whole path, live, on this machine."""

from __future__ import annotations

import json
import pathlib
import signal
from types import FrameType

import click

from local.demo import display
from local.demo.run import Demo, Options
from local.layout import default_state
from local.stack import Stack, StackFailed
from wayfare.domain.errors import WayfareError


@click.command()
@click.option(
    "--replay",
    type=click.Path(exists=True, dir_okay=False, path_type=pathlib.Path),
    help="Play recorded cabs (a Parquet file of GPS fixes) instead of the simulated city.",
)
@click.option("--speed", type=click.FloatRange(0.1, 600), help="City time per wall time [default: 1, replay 60].")
@click.option(
    "--for", "for_seconds", type=click.FloatRange(min=1), help="Stop this long after the first undegraded quote."
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object on the last line of standard output.")
def command(replay: pathlib.Path | None, speed: float | None, for_seconds: float | None, as_json: bool) -> None:
    """Start everything, load history, train, publish, serve, and play a city until Ctrl-C.

    Exit status 1 when any part failed, or when the events sent, recorded and counted differ.
    """
    options = Options(replay, speed if speed is not None else (60.0 if replay else 1.0), for_seconds, as_json)
    settings = {} if replay is None else {"WAYFARE_REPLAY_FILE": str(replay.resolve())}
    demo = Demo(Stack(default_state(), settings=settings), options, display.console(as_json))
    signal.signal(signal.SIGTERM, _interrupt)
    result = None
    try:
        demo.bring_up()
        demo.act()
        try:
            demo.watch()
        except KeyboardInterrupt:
            demo.say("demo", "stopping; press Ctrl-C again to skip the accounts")
        result = demo.result()
    except KeyboardInterrupt:
        demo.say("demo", "stopping")
    except (StackFailed, WayfareError, RuntimeError, TimeoutError, OSError) as error:
        demo.failures.append(f"{type(error).__name__}: {error}")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            demo.stack.stop(say=demo.say)
        except StackFailed as error:
            demo.failures.append(str(error))
    for failure in demo.failures:
        demo.say("failed", failure)
    if result is not None and not as_json:
        for name, value in result.items():
            demo.console.print(f"  {name:22} {value}", highlight=False)
    if as_json:
        click.echo(json.dumps(result if result is not None else {"failures": demo.failures}))
    raise SystemExit(1 if demo.failures else 0)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
