"""The `wayfare` command: one file per noun in this folder, each with a click command named `command`.

A file is imported only when its command is used or listed, so that `wayfare token` does not wait for Spark. A name
that is a Python keyword ends in an underscore (`import_.py` is `wayfare import`); any other underscore is a hyphen.
"""

from __future__ import annotations

import importlib
import pathlib
import sys
from typing import ClassVar

import click

from wayfare.domain.errors import WayfareError

OWN = {"wayfare", "services", "pipelines", "local"}
HELPERS = {"__init__", "main", "console", "installation", "playing"}


class Nouns(click.Group):
    """Finds commands by the names of the files beside this one."""

    _missing: ClassVar[dict[str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every noun whose libraries this installation has, sorted: an image holds only what its processes need."""
        return [name for name in self._names() if self._load(name) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a noun; None when there is no such file. UsageError when a library that it needs is not here."""
        if cmd_name not in self._names():
            return None
        found = self._load(cmd_name)
        if found is None:
            raise click.UsageError(
                f"wayfare {cmd_name} needs a library that this installation leaves out: {self._missing[cmd_name]}"
            )
        return found

    def _names(self) -> list[str]:
        files = pathlib.Path(__file__).parent.glob("*.py")
        return sorted(path.stem.rstrip("_").replace("_", "-") for path in files if path.stem not in HELPERS)

    def _load(self, name: str) -> click.Command | None:
        here = pathlib.Path(__file__).parent
        plain = name.replace("-", "_")
        stem = plain if (here / f"{plain}.py").exists() else f"{plain}_"
        try:
            found: click.Command = importlib.import_module(f"wayfare.cli.{stem}").command
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] in OWN:
                raise
            self._missing[name] = error.name
            return None
        return found


@click.group(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="wayfare")
def group() -> None:
    """Runs Wayfare on one machine, and works with it.

    State lives in $WAYFARE_STATE (default ~/.local/state/wayfare), whatever the working folder.
    """


def main() -> None:
    """Run the command; exit status 0 ok, 1 failed, 2 wrong usage."""
    try:
        group.main(prog_name="wayfare", standalone_mode=True)
    except (WayfareError, OSError) as error:
        click.echo(f"wayfare: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
