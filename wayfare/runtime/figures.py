"""The figures of City now, by name: what the dashboard of that name and the console both ask of Prometheus.

A query has one place, `{city}`, for a regular expression of city ids. Callers choose a figure by its name; nobody sends
PromQL. Front ends each hold a copy of the same window, so levels are the largest copy's, never their sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Unit = Literal["count", "per_second", "ratio", "seconds"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. meaning: a sentence for people. service: whose scrape it stands on. empty: why it may have no value
    while everything works."""

    name: str
    title: str
    unit: Unit
    query: str
    meaning: str
    service: str
    empty: str = ""

    def of(self, city: str) -> str:
        """The PromQL of this figure; `city` goes in as it is."""
        return self.query.replace("{city}", f'city=~"{city}"')


_ASKED = 'service="pricing_api",route="POST /v1/quotes"'
_NO_QUOTES = "no quote was asked for in the last minutes"

FIGURES = (
    Figure(
        "cabs_available",
        "Cabs available",
        "count",
        "max by (city) (wayfare_cabs_available{{city}})",
        "Cabs free to take a request, as the newest closed minute of the live window counts them.",
        "pricing_api",
    ),
    Figure(
        "requests_waiting",
        "Requests waiting",
        "count",
        "max by (city) (wayfare_requests_waiting{{city}})",
        "Requests opened and not yet matched, cancelled or expired.",
        "pricing_api",
    ),
    Figure(
        "window_age",
        "Age of live data",
        "seconds",
        "max by (city) (wayfare_window_age_seconds{{city}})",
        "City time now minus the newest event that prices stand on; of the front end that is furthest behind.",
        "pricing_api",
    ),
    Figure(
        "quotes_per_second",
        "Quotes per second",
        "per_second",
        "sum by (city) (rate(wayfare_quotes_total{{city}}[2m]))",
        "Prices answered to riders, over two minutes.",
        "pricing_api",
    ),
    Figure(
        "surged_share",
        "Quotes above 1.0",
        "ratio",
        '(sum by (city) (rate(wayfare_quoted_multipliers_total{{city},multiplier!="1.0"}[5m]))'
        " or 0 * sum by (city) (rate(wayfare_quoted_multipliers_total{{city}}[5m])))"
        " / sum by (city) (rate(wayfare_quoted_multipliers_total{{city}}[5m]))",
        "Share of quotes with a multiplier above 1.0, over five minutes.",
        "pricing_api",
        _NO_QUOTES,
    ),
    Figure(
        "degraded_share",
        "Quotes degraded",
        "ratio",
        "(sum by (city) (rate(wayfare_quotes_degraded_total{{city}}[5m]))"
        " or 0 * sum by (city) (rate(wayfare_quotes_total{{city}}[5m])))"
        " / sum by (city) (rate(wayfare_quotes_total{{city}}[5m]))",
        "Share of quotes behind which something was missing or old, over five minutes.",
        "pricing_api",
        _NO_QUOTES,
    ),
    Figure(
        "quote_p99",
        "Quote latency, p99",
        "seconds",
        f"histogram_quantile(0.99, sum by (le) (rate(wayfare_http_request_seconds_bucket{{{_ASKED}}}[5m])))",
        "Ninety-nine in a hundred quotes of all cities were answered faster, over five minutes.",
        "pricing_api",
        _NO_QUOTES,
    ),
    Figure(
        "failed_share",
        "Quotes failed",
        "ratio",
        f'(sum(rate(wayfare_http_requests_total{{{_ASKED},status=~"5.."}}[5m]))'
        f" or 0 * sum(rate(wayfare_http_requests_total{{{_ASKED}}}[5m])))"
        f" / sum(rate(wayfare_http_requests_total{{{_ASKED}}}[5m]))",
        "Share of quotes of all cities answered 5xx, over five minutes.",
        "pricing_api",
        _NO_QUOTES,
    ),
)


def figure(name: str) -> Figure:
    """The figure of a name; KeyError when there is none."""
    return {row.name: row for row in FIGURES}[name]


def one_of(cities: Iterable[str]) -> str:
    """The regular expression of exactly these city ids, to be put between double quotes.

    >>> one_of(["sf", "new.york"])
    'sf|new\\\\\\\\.york'
    """
    return "|".join(re.escape(city).replace("\\", "\\\\") for city in cities)
