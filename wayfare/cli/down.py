"""`wayfare down`: stop everything and leave no process and no port behind."""

from __future__ import annotations

import click

from local.layout import default_state
from local.stack import Stack
from wayfare.cli import console


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print what was stopped as one JSON object.")
def command(as_json: bool) -> None:
    """Stop everything, services before servers, also after the supervisor was killed.

    Ends only processes of this installation, and exits with 1 when one of them or a port is left.
    """
    with console.progress("down") as say:
        stopped = Stack(default_state()).stop(say)
    if as_json:
        console.print_json({"stopped": stopped})
    else:
        console.OUT.print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
