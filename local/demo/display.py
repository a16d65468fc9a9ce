"""What a person sees of the demo: one panel on a terminal, one line a second elsewhere."""

from __future__ import annotations

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from local.demo.figures import Figures


def _shown(value: float | None, unit: str = "", digits: int = 0) -> str:
    return "unknown" if value is None else f"{value:.{digits}f}{unit}"


def rows(figures: Figures) -> list[tuple[str, str]]:
    """The figures in words."""
    actor = figures.actor
    multipliers = actor.get("multipliers") or {}
    degraded = actor.get("degraded") or {}
    return [
        ("cabs available", _shown(figures.cabs_available)),
        ("requests waiting", _shown(figures.requests_waiting)),
        ("multipliers", "  ".join(f"{level}x {count}" for level, count in sorted(multipliers.items())) or "none yet"),
        (
            "quote latency",
            f"p50 {_shown(actor.get('quote_p50_ms'), ' ms', 1)}   p99 {_shown(actor.get('quote_p99_ms'), ' ms', 1)}",
        ),
        (
            "event to price",
            f"last {_shown(actor.get('event_to_price_last_s'), ' s', 2)}   p99 {_shown(actor.get('event_to_price_p99_s'), ' s', 2)}",
        ),
        ("degradations", "  ".join(f"{what}: {count}" for what, count in sorted(degraded.items())) or "none"),
        ("events, quotes, bookings", f"{total_events(actor)}   {actor.get('quotes', 0)}   {actor.get('bookings', 0)}"),
        ("model version", "none yet" if figures.model_version is None else str(figures.model_version)),
    ]


def total_events(actor: dict[str, object]) -> int:
    """Events acknowledged with 202, over all kinds."""
    sent = actor.get("events_sent") or {}
    return sum(sent.values()) if isinstance(sent, dict) else int(str(sent))


def panel(title: str, figures: Figures, hints: list[str]) -> Panel:
    """The demo as one panel."""
    table = Table.grid(padding=(0, 2))
    for name, value in rows(figures):
        table.add_row(Text(name, style="dim"), value)
    return Panel(Group(table, Text(""), *(Text(hint, style="cyan", overflow="fold") for hint in hints)), title=title)


def line(figures: Figures) -> str:
    """The demo as one line."""
    return " | ".join(f"{name}: {value}" for name, value in rows(figures))


def console(quiet_output: bool) -> Console:
    """Where progress goes: standard error when standard output is for a machine."""
    return Console(stderr=quiet_output)
