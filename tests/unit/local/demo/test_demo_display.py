"""What the demo shows: unknown is never shown as a number."""

from __future__ import annotations

import io

from rich.console import Console

from local.demo import display
from local.demo.figures import Figures, actor_statistics

BUSY = Figures(
    actor={
        "events_sent": {"driver-pings": 40, "trips": 2},
        "quotes": 7,
        "bookings": 3,
        "multipliers": {"1.0": 5, "1.5": 2},
        "degraded": {"weather": 1},
        "quote_p50_ms": 4.21,
        "quote_p99_ms": 19.0,
        "event_to_price_last_s": 0.4,
        "event_to_price_p99_s": 0.9,
    },
    cabs_available=31.0,
    requests_waiting=2.0,
    model_version=20261121001,
)


def test_every_figure_that_the_demo_promises_is_in_its_line():
    line = display.line(BUSY)
    for part in (
        "cabs available: 31",
        "requests waiting: 2",
        "1.0x 5  1.5x 2",
        "p50 4.2 ms",
        "p99 0.90 s",
        "weather: 1",
        "42   7   3",
    ):
        assert part in line, part


def test_what_is_not_known_is_called_unknown():
    line = display.line(Figures())
    assert "cabs available: unknown" in line
    assert "p50 unknown" in line
    assert "model version: none yet" in line


def test_the_panel_holds_the_hints_to_try():
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(display.panel("Wayfare", BUSY, ["curl -s http://127.0.0.1:1/v1/quotes"]))
    assert "curl -s" in console.export_text()


def test_statistics_half_written_are_nothing_rather_than_an_error(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "simulator.json").write_text('{"quotes": ')
    assert actor_statistics(tmp_path) == {}
