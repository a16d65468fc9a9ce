"""Where panels turn yellow and red: the objectives' own numbers, and those at which alerts fire."""

from __future__ import annotations

from monitoring import alerts, burn, slos
from monitoring.dashboards.parts import Limits

_BUDGETS = {objective.name: objective.budget for objective in slos.OBJECTIVES}

FAILED_SHARE = Limits(_BUDGETS["QuotesFail"])
QUOTE_LATENCY = Limits(slos.FAST_SECONDS)
WINDOW_AGE = Limits(alerts.STALE_SECONDS, warn=slos.FRESH_SECONDS)
PRICED_AGE = Limits(slos.FRESH_SECONDS)
DEGRADED_SHARE = Limits(alerts.DEGRADED_SHARE)
BURNING = Limits(max(row.rate for row in burn.BURNS), warn=min(row.rate for row in burn.BURNS))
NODE_SHARE = Limits(alerts.FULL)
LAG = Limits(alerts.LAG_RECORDS)
ANY = Limits(1.0)

OF_FIGURES: dict[str, tuple[Limits | None, str | None]] = {
    "requests_waiting": (None, "QuotesStopped"),
    "window_age": (WINDOW_AGE, "WindowStale"),
    "quotes_per_second": (None, "QuotesStopped"),
    "degraded_share": (DEGRADED_SHARE, "QuotesDegraded"),
    "quote_p99": (QUOTE_LATENCY, "QuotesSlow"),
    "failed_share": (FAILED_SHARE, "QuotesFail"),
}
"""Limit and runbook of each figure that has them."""
