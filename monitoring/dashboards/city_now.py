"""City now: supply, demand and multipliers of a city, and whether its riders get fresh prices."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from monitoring.dashboards import limits
from monitoring.dashboards.frame import frame
from monitoring.dashboards.parts import CITY, COUNT, RATE, SECONDS, SHARE, Panel, Query, bars, lines, number
from wayfare.runtime.figures import FIGURES, Figure

UNITS = {"count": COUNT, "per_second": RATE, "ratio": SHARE, "seconds": SECONDS}


def of_figure(row: Figure) -> Panel:
    """The panel of a figure that the console shows too."""
    limit, runbook = limits.OF_FIGURES.get(row.name, (None, None))
    return Panel(
        row.title,
        row.meaning,
        UNITS[row.unit],
        [Query(row.of("$city"), "{{city}}")],
        limits=limit,
        runbook=runbook,
        width=6,
        height=5,
    )


def build() -> dashboard.Dashboard:
    """The dashboard."""
    built = frame(
        "wayfare-city-now",
        "Wayfare: City now",
        "Do riders of this city get prices, are these fresh, and is the market well? What on-call opens first.",
        ago="now-1h",
        refresh="5s",
    )
    for row in FIGURES:
        built.with_panel(number(of_figure(row)))
    supply = Query(f"max by (city) (wayfare_cabs_available{{{CITY}}})", "{{city}}: cabs available")
    demand = Query(f"max by (city) (wayfare_requests_waiting{{{CITY}}})", "{{city}}: requests waiting")
    return (
        built.with_panel(
            lines(
                Panel(
                    "Supply and demand",
                    "Cabs available and requests waiting in the live window. Healthy: waiting stays far below available; "
                    "both flat at once means that events stopped, not that the city sleeps.",
                    COUNT,
                    [supply, demand],
                    runbook="WindowStale",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Quotes by multiplier",
                    "Quotes per second at each of the seven levels. A jump of all quotes to one level, or to 1.0 alone, is a "
                    "fault rather than a market.",
                    RATE,
                    [
                        Query(
                            f"sum by (multiplier) (rate(wayfare_quoted_multipliers_total{{{CITY}}}[5m]))",
                            "× {{multiplier}}",
                        )
                    ],
                ),
                stacked=True,
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Quotes by what set the multiplier",
                    "The model, the cell's last multiplier, or a prior: the steps of the ladder of degradation. Healthy: the "
                    "model alone.",
                    RATE,
                    [Query(f"sum by (price_source) (rate(wayfare_quotes_total{{{CITY}}}[5m]))", "{{price_source}}")],
                    runbook="QuotesDegraded",
                ),
                stacked=True,
            )
        )
        .with_panel(
            bars(
                Panel(
                    "Share of quotes at each multiplier, now",
                    "The distribution over the last 15 minutes.",
                    SHARE,
                    [
                        Query(
                            f"sum by (multiplier) (rate(wayfare_quoted_multipliers_total{{{CITY}}}[15m])) / ignoring"
                            f" (multiplier) group_left sum(rate(wayfare_quoted_multipliers_total{{{CITY}}}[15m]))",
                            "× {{multiplier}}",
                        )
                    ],
                )
            )
        )
    )
