"""How commands talk: live progress on a terminal, plain lines otherwise, JSON alone on standard output for machines."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

PIPE_COLUMNS = 240
"""A pipe has no width; lines are not cut to fit one."""


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(highlight=False, stderr=stderr, soft_wrap=True, width=None if stream.isatty() else PIPE_COLUMNS)


OUT = _console(stderr=False)
ERR = _console(stderr=True)

Say = Callable[[str, str], None]


def print_json(value: Any) -> None:
    """One JSON document, alone on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def progress(title: str) -> Iterator[Say]:
    """Gives a function to tell `(name, what happens to it)`; all of it goes to standard error.

    On a terminal a table with one row per name that is kept up to date; elsewhere one line per change.
    """
    started = time.monotonic()
    lock = threading.Lock()
    if not ERR.is_terminal:

        def line(name: str, what: str) -> None:
            with lock:
                sys.stderr.write(f"{title}: {time.monotonic() - started:5.1f} s  {name}: {what}\n")
                sys.stderr.flush()

        yield line
        return
    rows: dict[str, tuple[float, str]] = {}

    def table() -> Table:
        shown = Table.grid(padding=(0, 2))
        for name, (when, what) in rows.items():
            colour = "green" if what in {"ok", "stopped"} else "yellow"
            shown.add_row(f"[bold]{name}[/]", f"[{colour}]{what}[/]", f"[dim]{when:.1f} s[/]")
        return shown

    with Live(table(), console=ERR, refresh_per_second=8) as live:

        def row(name: str, what: str) -> None:
            with lock:
                rows[name] = (time.monotonic() - started, what.replace("[", "\\["))
                live.update(table())

        yield row
