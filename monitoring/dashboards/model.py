"""Model: what it predicts, which version does, whether the world has moved from under it, and how it meets outcomes."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from monitoring.dashboards.frame import frame
from monitoring.dashboards.parts import (
    CITY,
    COUNT,
    GREEN,
    RATE,
    RED,
    SECONDS,
    SHARE,
    UNKNOWN,
    Panel,
    Query,
    lines,
    states,
)

MULTIPLIERS = f"rate(wayfare_quoted_multipliers_total{{{CITY}}}[15m])"

STATES = {"0": ("ok", GREEN), "1": ("drifted", RED), "2": ("unknown", UNKNOWN)}


def build() -> dashboard.Dashboard:
    """The dashboard."""
    return (
        frame(
            "wayfare-model",
            "Wayfare: Model",
            "What the models predict, which versions do, and whether they still see the world they were trained on.",
            ago="now-24h",
            refresh="30s",
        )
        .with_panel(
            states(
                Panel(
                    "What the drift monitor says",
                    "Each check by city and model: features, predictions, and calibration and booking rate against outcomes. "
                    "Unknown is no health: too few data, no reference, or a monitor that is behind.",
                    "none",
                    [
                        Query(
                            f"max by (city, model, check) (wayfare_drift_state{{{CITY}}})",
                            "{{city}} {{model}} {{check}}",
                        )
                    ],
                    runbook="ModelDrifted",
                ),
                STATES,
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Distribution of predictions",
                    "Share of quotes at each multiplier, over 15 minutes. Compare with yesterday; a new shape without a new "
                    "market or a new version is drift or a broken feature.",
                    SHARE,
                    [
                        Query(
                            f"sum by (multiplier) ({MULTIPLIERS}) / ignoring (multiplier) group_left () sum({MULTIPLIERS})",
                            "× {{multiplier}}",
                        )
                    ],
                    runbook="ModelDrifted",
                ),
                stacked=True,
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Divergence from training",
                    "Kullback-Leibler divergence of the last hour from training, in nats, of the ten features that moved most. "
                    "It explains and does not alarm: 0.1 is a shift of half a standard deviation.",
                    "none",
                    [
                        Query(
                            f'topk(10, max by (city, model, feature) (wayfare_drift_statistic{{{CITY},check="kl"}}))',
                            "{{city}} {{model}} {{feature}}",
                        )
                    ],
                    runbook="ModelDrifted",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Rows that drift is judged by",
                    "Predictions and outcomes that the monitor counted, by what became of them. Outcomes follow a quote by its "
                    "life of five minutes.",
                    RATE,
                    [Query("sum by (topic, outcome) (rate(wayfare_drift_rows_total[15m]))", "{{topic}} {{outcome}}")],
                    runbook="DriftUnknown",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Age of the newest judgement",
                    "Since the drift monitor last judged. It judges every five minutes of the city's clock.",
                    SECONDS,
                    [Query("time() - max(wayfare_drift_evaluated_timestamp_seconds > 0)")],
                    runbook="DriftUnseen",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Quotes that the model priced",
                    "Share of quotes whose multiplier the model set, by city; the rest came from last multipliers and priors.",
                    SHARE,
                    [
                        Query(
                            f'(sum by (city) (rate(wayfare_quotes_total{{{CITY},price_source="model"}}[5m]))'
                            f" or 0 * city:quotes:rate5m{{{CITY}}}) / city:quotes:rate5m{{{CITY}}}",
                            "{{city}}",
                        )
                    ],
                    runbook="QuotesDegraded",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Version in use",
                    "The version that each front end asks for, by label: year, month, day and number. Two at once for longer "
                    "than a rollout means that a front end did not follow.",
                    "none",
                    [
                        Query(
                            "max by (model, label, instance) (wayfare_model_version)",
                            "{{model}} {{label}} {{instance}}",
                        )
                    ],
                    runbook="ModelVersionsDiffer",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Calls to model servers",
                    "Predict calls answered, by model and gRPC status, as the servers count them. Healthy: OK alone.",
                    RATE,
                    [
                        Query(
                            'sum by (model, code) (rate(wayfare_model_server_calls_total{call="Predict"}[5m]))',
                            "{{model}} {{code}}",
                        )
                    ],
                    runbook="QuotesDegraded",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Bookings per quote",
                    "What riders make of the prices: the outcome that calibration is held against.",
                    SHARE,
                    [Query("wayfare:bookings_per_quote:ratio_rate5m")],
                    runbook="BookingsFail",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Predictions lost, artifacts refused",
                    "Served predictions that could not be logged, which drift and training will lack; versions that failed "
                    "verification. Healthy: 0.",
                    COUNT,
                    [
                        Query("sum(increase(wayfare_predictions_lost_total[1h]))", "predictions lost in an hour"),
                        Query(
                            "sum by (model, reason) (increase(wayfare_artifacts_refused_total[1h]))"
                            ' or on () 0 * sum(up{service="publisher"})',
                            "refused {{model}} {{reason}}",
                        ),
                    ],
                    runbook="PredictionsLost",
                )
            )
        )
    )
