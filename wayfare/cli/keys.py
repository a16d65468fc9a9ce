"""`wayfare keys`: the keys of an installation, made as files that its owner stores as secrets."""

from __future__ import annotations

import pathlib

import click

from local import keys
from wayfare.adapters.ed25519_signing import trust
from wayfare.domain.errors import InvalidInput
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.clock import wall_ms

_FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=pathlib.Path))


@click.group()
def command() -> None:
    """Make the keys that sign quotes, artifacts and labels. Nothing is ever written over."""


@command.command()
@_FOLDER
@click.option("--development", is_flag=True, help="Also a key that signs tokens, its key set, and a service's token.")
def init(folder: pathlib.Path, development: bool) -> None:
    """Make the keys that are missing in FOLDER: quotes, trainer, publisher, trusted, pseudonym, session."""
    if development:
        keys.make_development(folder)
    keys.make(folder, wall_ms())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        click.echo(path)


@command.command()
@_FOLDER
@click.option(
    "--in", "minutes", default=10.0, show_default=True, type=click.FloatRange(0), help="Minutes until it signs."
)
def quote(folder: pathlib.Path, minutes: float) -> None:
    """Add a key of quotes to FOLDER/quotes that signs from then on; give it to every replica before that moment.

    The key before it counts for one more quote life and can then be taken away.
    """
    from_ms = wall_ms() + round(minutes * 60_000)
    signer = keys.make_quote_key(folder / "quotes", from_ms)
    click.echo(f"{folder / 'quotes' / signer.kid}.pem signs from {format_rfc3339(from_ms // 1000 * 1000)}")


@command.command()
@_FOLDER
@click.argument("purpose", type=click.Choice(["trainer", "publisher"]))
def signer(folder: pathlib.Path, purpose: keys.Purpose) -> None:
    """Make a new key of PURPOSE in FOLDER/PURPOSE-new, and trust it in FOLDER/trusted beside the one in use.

    First give `trusted` to every process, then the new key to whoever signs; take the old one out of `trusted` once
    nothing that it signed is served any more.
    """
    place = folder / f"{purpose}-new"
    if place.exists():
        raise InvalidInput(f"finish the last change of this key first: move it to {folder / purpose}, got {place}")
    made = keys.make_signing_key(place, purpose)
    click.echo(place / f"{made.kid}.pem")
    click.echo(trust(made, folder / "trusted"))
