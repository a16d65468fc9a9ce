"""`wayfare token`: a Bearer token of this installation's development key."""

from __future__ import annotations

import click

from local import keys
from local.layout import Layout, default_state
from wayfare.domain.callers import ROLES
from wayfare.domain.ids import is_id


@click.command()
@click.option("--role", required=True, type=click.Choice(sorted(ROLES)), help="Who the token speaks for.")
@click.option("--subject", required=True, help="The rider's, driver's or service's id, for example r-1.")
@click.option("--city", help="Make the token good in this city only.")
@click.option("--hours", default=12.0, show_default=True, type=click.FloatRange(0.01, 24 * 366), help="Its life.")
def command(role: str, subject: str, city: str | None, hours: float) -> None:
    """Print a development token alone, to be sent as `Authorization: Bearer ...`.

    Refused when WAYFARE_ENV=production.
    """
    for name, value in (("--subject", subject), ("--city", city)):
        if value is not None and not is_id(value):
            raise click.BadParameter(f"{name} is 1 to 64 of A-Z a-z 0-9 . _ : -, got {value!r}")
    roles = {known: known for known in ROLES}
    click.echo(keys.token(Layout(default_state()), roles[role], subject, city=city, hours=hours))  # type: ignore[index] # click has checked the choice
