"""`wayfare quote`: ask the pricing API for a price, as a rider's app does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import click
import httpx
from rich.table import Table

from local import keys
from local.layout import Layout, default_state
from local.stack import Stack
from wayfare.cli import console

TIMEOUT_SECONDS = 10.0


class PlaceType(click.ParamType[dict[str, float]]):
    """`LAT,LON` in degrees."""

    name = "LAT,LON"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, float]:
        """The place as the API takes it."""
        try:
            lat, lon = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"a place is LAT,LON in degrees like 37.7749,-122.4194, got {value!r}", param, ctx)
        if not (-90 <= lat <= 90 and -180 <= lon <= 180):
            self.fail(f"latitude is within 90 and longitude within 180 degrees, got {value!r}", param, ctx)
        return {"lat": lat, "lon": lon}


@click.command()
@click.option("--from", "pickup", required=True, type=PlaceType(), help="Where the rider is.")
@click.option("--to", "dropoff", required=True, type=PlaceType(), help="Where the rider goes.")
@click.option("--rider", default="r-1", show_default=True, help="Whose quote it is.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as one JSON object.")
def command(pickup: dict[str, float], dropoff: dict[str, float], rider: str, as_json: bool) -> None:
    """Ask for the price of a trip and show what made it."""
    state = default_state()
    url = Stack(state).addresses().pricing_url
    token = keys.token(Layout(state), "rider", rider, hours=1)
    try:
        answer = httpx.post(
            f"{url}/v1/quotes",
            json={"pickup": pickup, "dropoff": dropoff},
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise click.ClickException(f"the pricing API does not answer: {error}, got no answer from {url}") from error
    try:
        body: Any = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise click.ClickException(f"the pricing API gave no JSON object, got {answer.status_code} {answer.text[:200]}")
    if as_json:
        console.print_json(body)
    elif answer.status_code == 201:
        show(body)
    if answer.status_code != 201:
        problems = "; ".join(f"{row.get('pointer')}: {row.get('detail')}" for row in body.get("errors", []))
        detail = problems or body.get("detail") or body.get("title")
        raise click.ClickException(f"no quote: {detail}, got status {answer.status_code}")


# ISO 4217: every other currency in use has two decimals.
NO_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
)
THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


def money(amount: dict[str, Any]) -> str:
    """An amount in minor units as people write it.

    >>> money({"amount_minor": 2220, "currency": "USD"}), money({"amount_minor": 900, "currency": "JPY"})
    ('22.20 USD', '900 JPY')
    """
    currency = str(amount["currency"])
    decimals = 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return f"{Decimal(int(amount['amount_minor'])).scaleb(-decimals):.{decimals}f} {currency}"


def show(quote: dict[str, Any]) -> None:
    """Print a quote for people."""
    lineage = quote["lineage"]
    console.OUT.print(f"[bold]{money(quote['price'])}[/] until {quote['expires_at']}")
    table = Table.grid(padding=(0, 2))
    table.add_row("base fare", f"{money(quote['base_fare'])} by {lineage['base_fare_source']}")
    table.add_row("surge", f"x {quote['surge']['multiplier']} by {lineage['price_source']}")
    at_least = quote["surge"].get("at_least")
    if at_least:
        table.add_row("at least", "  ".join(f"{level}: {share:.2f}" for level, share in at_least.items()))
    table.add_row(
        "trip", f"{quote['distance_m']:,} m, {quote['duration_s'] // 60} min, pickup in {quote['wait_s'] // 60} min"
    )
    table.add_row(
        "model", f"{lineage.get('model')} version {lineage.get('version')}, window {lineage.get('window_age_s')} s old"
    )
    table.add_row("lacks", ", ".join(lineage["defaults"]) or "nothing")
    table.add_row("degraded", "; ".join(quote["degraded"]) or "nothing")
    table.add_row("quote", str(quote["quote_id"]))
    console.OUT.print(table)
