"""What is promised, over 30 days: quotes and bookings are answered, fast, on fresh data; no event is lost on its way.

Objectives are ratios of events, so that an hour of night weighs what it serves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FRESH_SECONDS = 10.0
"""A window of this age still knows the cabs around a rider; prices stop using it at three times this."""
FAST_SECONDS = 0.25
"""The longest that a quote may take, whatever is down: an app shows its price at once."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A promise. name: of its alerts and its runbook. share: of events that must be good. bad, total: PromQL of events
    per second over a window. felt: what who waits for it sees. least: bad events in the long window below which nobody is woken."""

    name: str
    key: str
    share: float
    bad: Callable[[str], str]
    total: Callable[[str], str]
    felt: str
    least: int = 10

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.share, 9)


def _requests(service: str, route: str, status: str = "") -> Callable[[str], str]:
    chosen = (
        f'service="{service}"' + (f',route="{route}"' if route else "") + (f',status=~"{status}"' if status else "")
    )
    return lambda window: f"sum(rate(wayfare_http_requests_total{{{chosen}}}[{window}]))"


def _failed(service: str, route: str) -> Callable[[str], str]:
    failed, all_of_them = _requests(service, route, "5.."), _requests(service, route)
    # A route that never failed has no series of failures: that is none, as long as it is known to be asked.
    return lambda window: f"({failed(window)} or 0 * {all_of_them(window)})"


_QUOTES = "POST /v1/quotes"
_RECEIVED = f'service="pricing_api",route="{_QUOTES}"'


def _slow(window: str) -> str:
    name = "wayfare_http_request_seconds"
    fast = f'sum(rate({name}_bucket{{{_RECEIVED},le="{FAST_SECONDS}"}}[{window}]))'
    return f"(sum(rate({name}_count{{{_RECEIVED}}}[{window}])) - {fast})"


def _stale(window: str) -> str:
    fresh = f'sum(rate(wayfare_quote_window_age_seconds_bucket{{le="{FRESH_SECONDS}"}}[{window}]))'
    return f"(sum(rate(wayfare_quotes_total[{window}])) - ({fresh} or 0 * sum(rate(wayfare_quotes_total[{window}]))))"


def _seen(window: str) -> str:
    applied = f"sum(rate(wayfare_ingest_events_applied_total[{window}]))"
    return f"({applied} + (sum(rate(wayfare_ingest_events_rejected_total[{window}])) or 0 * {applied}))"


def _lost(window: str) -> str:
    wrong = f'sum(rate(wayfare_ingest_events_rejected_total{{reason=~"unreadable|foreign_partition"}}[{window}]))'
    return f"({wrong} or 0 * {_seen(window)})"


OBJECTIVES = (
    Objective(
        "QuotesFail",
        "quotes-answered",
        0.999,
        _failed("pricing_api", _QUOTES),
        _requests("pricing_api", _QUOTES),
        "Riders ask for a price and get an error.",
    ),
    Objective(
        "QuotesSlow",
        "quotes-fast",
        0.99,
        _slow,
        lambda window: f"sum(rate(wayfare_http_request_seconds_count{{{_RECEIVED}}}[{window}]))",
        f"Riders wait longer than {FAST_SECONDS:g} s for a price.",
    ),
    Objective(
        "WindowStale",
        "quotes-fresh",
        0.99,
        _stale,
        lambda window: f"sum(rate(wayfare_quotes_total[{window}]))",
        f"Prices are made from supply and demand more than {FRESH_SECONDS:g} s old.",
    ),
    Objective(
        "PanesWrong",
        "events-counted",
        0.999,
        _lost,
        _seen,
        "Events that were accepted are missing in the counts that prices stand on.",
    ),
    Objective(
        "BookingsFail",
        "bookings-answered",
        0.999,
        _failed("pricing_api", "POST /v1/bookings"),
        _requests("pricing_api", "POST /v1/bookings"),
        "Riders accept a price and the ride is not booked.",
        least=5,
    ),
    Objective(
        "EventsFail",
        "events-accepted",
        0.999,
        _failed("events_api", ""),
        _requests("events_api", ""),
        "Apps of drivers and riders cannot tell where they are and what they want.",
    ),
)
