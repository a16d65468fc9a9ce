"""Serving: rate, errors and duration of every route, the model call below it, and how fast the error budget burns."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from monitoring import burn, slos
from monitoring.dashboards import limits
from monitoring.dashboards.frame import frame
from monitoring.dashboards.parts import CITY, COUNT, RATE, SECONDS, SHARE, Panel, Query, heat, lines, number
from monitoring.rule import DAY, HOUR

BY_ROUTE = "{{service}} {{route}}"


def _quantile(share: float, metric: str, by: str) -> str:
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket[5m])))"


def build() -> dashboard.Dashboard:
    """The dashboard."""
    return (
        frame("wayfare-serving", "Wayfare: Serving", "Rate, errors and duration per route; how fast the budget burns.")
        .with_panel(
            number(
                Panel(
                    "5xx in the last 5 minutes",
                    "Answers 5xx, by service. Healthy: 0.",
                    COUNT,
                    [Query("service:http_5xx:increase5m", "{{service}}")],
                    limits=limits.ANY,
                    runbook="QuotesFail",
                    height=6,
                )
            )
        )
        .with_panel(
            number(
                Panel(
                    "Exceptions in the last 5 minutes",
                    "Exceptions that no rule expected, by service. Healthy: 0.",
                    COUNT,
                    [Query("service:exceptions:increase5m", "{{service}}")],
                    limits=limits.ANY,
                    runbook="Exceptions",
                    height=6,
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Error budgets burnt, last hour",
                    "How many times faster than its 30 days allow each objective's budget goes. At 1 it lasts exactly; a page "
                    "comes when the red line is passed in the last hour and the last five minutes.",
                    COUNT,
                    [
                        Query(
                            f'{burn.name_of(HOUR)}{{objective="{objective.key}"}} / {objective.budget:g}',
                            objective.key,
                        )
                        for objective in slos.OBJECTIVES
                    ],
                    limits=limits.BURNING,
                    runbook="QuotesFail",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Bad events, last 3 days",
                    "Share of the events of each objective that were bad over three days: what is left of its budget is the "
                    "distance to the objective.",
                    SHARE,
                    [Query(f"{burn.name_of(3 * DAY)}", "{{objective}}")],
                    runbook="QuotesFail",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Requests per second by route",
                    "Answered requests, errors too.",
                    RATE,
                    [
                        Query(
                            "sum by (service, route) (rate(wayfare_http_requests_total[5m]))",
                            BY_ROUTE,
                        )
                    ],
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Share of 5xx by route",
                    "Healthy: below the objective's budget. A route without requests has no share.",
                    SHARE,
                    [
                        Query(
                            '(sum by (service, route) (rate(wayfare_http_requests_total{status=~"5.."}[5m]))'
                            " or 0 * sum by (service, route) (rate(wayfare_http_requests_total[5m])))"
                            " / sum by (service, route) (rate(wayfare_http_requests_total[5m]))",
                            BY_ROUTE,
                        )
                    ],
                    limits=limits.FAILED_SHARE,
                    runbook="QuotesFail",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Latency by route, p99",
                    "Ninety-nine in a hundred were answered faster, over five minutes. The line is the objective of quotes.",
                    SECONDS,
                    [Query("service_route:http_request_seconds:p99_5m", BY_ROUTE)],
                    limits=limits.QUOTE_LATENCY,
                    runbook="QuotesSlow",
                )
            )
        )
        .with_panel(
            heat(
                Panel(
                    "Latency of quotes",
                    "All quotes by how long they took: two bands mean two kinds of quote, or a dependency that stalls.",
                    SECONDS,
                    [
                        Query(
                            'sum by (le) (rate(wayfare_http_request_seconds_bucket{service="pricing_api",'
                            'route="POST /v1/quotes"}[5m]))',
                            "{{le}}",
                        )
                    ],
                    runbook="QuotesSlow",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Call to the model server",
                    "Median and p99 of one Predict call as the front end sees it. Near its deadline, quotes degrade.",
                    SECONDS,
                    [
                        Query(_quantile(0.5, "wayfare_predict_seconds", "model"), "{{model}} p50"),
                        Query(_quantile(0.99, "wayfare_predict_seconds", "model"), "{{model}} p99"),
                    ],
                    runbook="QuotesDegraded",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "What quotes lacked",
                    "Share of quotes that lacked something, by what it was.",
                    SHARE,
                    [Query("what:quotes_degraded:ratio_rate5m or on () 0 * sum(city:quotes:rate5m)", "{{what}}")],
                    limits=limits.DEGRADED_SHARE,
                    runbook="QuotesDegraded",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Bookings per quote",
                    "Of the prices that riders saw, the share that they took. A fall without a surge is a fault between price "
                    "and booking.",
                    SHARE,
                    [Query("wayfare:bookings_per_quote:ratio_rate5m")],
                    runbook="BookingsFail",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Quotes per second by city",
                    "What riders ask for. A city that falls to zero alone has lost its apps or its place in the registry.",
                    RATE,
                    [Query(f"city:quotes:rate5m{{{CITY}}}", "{{city}}")],
                    runbook="QuotesStopped",
                )
            )
        )
    )
