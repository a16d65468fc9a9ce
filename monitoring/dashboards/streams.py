"""Streams: is what prices stand on fresh, complete and counted right?"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from monitoring.dashboards import limits
from monitoring.dashboards.frame import frame
from monitoring.dashboards.parts import CITY, COUNT, RATE, SECONDS, SHARE, Panel, Query, lines


def _quantile(share: float, histogram: str, *by: str) -> str:
    return f"histogram_quantile({share}, sum by ({', '.join(('le', *by))}) (rate({histogram}_bucket[5m])))"


def build() -> dashboard.Dashboard:
    """The dashboard."""
    return (
        frame("wayfare-streams", "Wayfare: Streams", "From a ping to its pane: lag, watermark, errors of sketches.")
        .with_panel(
            lines(
                Panel(
                    "Age of live data (watermark)",
                    "City time now minus the newest event in the front ends' window. Healthy: about two seconds.",
                    SECONDS,
                    [Query(f"city:window_age_seconds:max{{{CITY}}}", "{{city}}")],
                    limits=limits.WINDOW_AGE,
                    runbook="WindowStale",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "From an event to a price that knows it",
                    "Age of the window behind each quote: half and 99 in 100 quotes stood on something newer.",
                    SECONDS,
                    [
                        Query(
                            "histogram_quantile(0.5, sum by (city, le) "
                            f"(rate(wayfare_quote_window_age_seconds_bucket{{{CITY}}}[5m])))",
                            "{{city}} p50",
                        ),
                        Query(f"city:event_to_price_seconds:p99_5m{{{CITY}}}", "{{city}} p99"),
                    ],
                    limits=limits.PRICED_AGE,
                    runbook="WindowStale",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Lag of every reader",
                    "Records that wait to be read, or whose effect is not kept yet, by reader and topic.",
                    COUNT,
                    [Query("topic:lag_records:sum", "{{service}} {{topic}}")],
                    runbook="LandingLags",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Ingest lag",
                    "Records of the log that ingest has not read yet, by partition. Healthy: below a second's worth; a single "
                    "partition that grows is a stuck or frozen consumer.",
                    COUNT,
                    [
                        Query(
                            "max by (topic, partition) (wayfare_ingest_lag_records)",
                            "{{topic}}/{{partition}}",
                        )
                    ],
                    limits=limits.LAG,
                    runbook="IngestLag",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Delay of ingest (watermark by topic)",
                    "How far ingest is behind what the log takes, in wall time. Healthy: below a second; it stands at 0 when nothing waits.",
                    SECONDS,
                    [Query("max by (topic) (wayfare_ingest_delay_seconds)", "{{topic}}")],
                    runbook="IngestLag",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "From an event to its pane",
                    "From the log's taking a record until its pane is in Redis, of the oldest record of each read: half and 99 in "
                    "100 were faster. Healthy: below a second.",
                    SECONDS,
                    [
                        Query(_quantile(0.5, "wayfare_event_to_window_seconds", "topic"), "{{topic}} p50"),
                        Query(_quantile(0.99, "wayfare_event_to_window_seconds", "topic"), "{{topic}} p99"),
                    ],
                    runbook="IngestLag",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Partitions behind the log's clock",
                    "City time between the partition of a city that is furthest and the one that is last. Healthy: about two "
                    "ticks; one that stands still gets no ticks, or nobody reads it.",
                    SECONDS,
                    [
                        Query(
                            f"max by (city) (wayfare_ingest_log_time_seconds{{{CITY}}}) - min by (city) "
                            f"(max by (city, topic, partition) (wayfare_ingest_log_time_seconds{{{CITY}}}))",
                            "{{city}}",
                        )
                    ],
                    runbook="WindowStale",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Panes open, and held back",
                    "Registers of panes that are open, which grow with cities and partitions alone; and closed registers and dead "
                    "letters that wait for Redis and Kafka to take them. While any wait, nothing is read.",
                    COUNT,
                    [
                        Query("sum(wayfare_ingest_panes_open)", "open"),
                        Query("sum(wayfare_ingest_held)", "held back"),
                    ],
                    runbook="DependencyAway",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Time of a write of the window",
                    "Of one write to Redis: registers, status and weather of a city, failed ones too; half and 99 in 100 were "
                    "faster. Healthy: a few milliseconds.",
                    SECONDS,
                    [
                        Query(_quantile(0.5, "wayfare_window_write_seconds"), "p50"),
                        Query(_quantile(0.99, "wayfare_window_write_seconds"), "p99"),
                    ],
                    runbook="DependencyAway",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Snapshots and rebuilds",
                    "p99 of the time until the log had a partition's snapshot; and how often in an hour a city's window was found "
                    "lost in Redis and written again. Healthy: no rebuilds.",
                    SECONDS,
                    [
                        Query(_quantile(0.99, "wayfare_snapshot_seconds"), "snapshot p99"),
                        Query("sum(increase(wayfare_window_rebuilds_total[1h]))", "rebuilds in an hour"),
                    ],
                    runbook="RedisLost",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Events accepted and applied",
                    "Events that the log acknowledged, and those that changed the live state. Applied stays below accepted by "
                    "what changes nothing: duplicates, late and out-of-order events.",
                    RATE,
                    [
                        Query("sum by (topic) (rate(wayfare_events_accepted_total[5m]))", "{{topic}} accepted"),
                        Query("sum by (topic) (rate(wayfare_ingest_events_applied_total[5m]))", "{{topic}} applied"),
                    ],
                    runbook="IngestLag",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Events that changed nothing, and dead letters",
                    "By rule and reason; dead letters could not be read at all and can be re-driven. Healthy: a small steady "
                    "share of duplicates, no dead letters.",
                    RATE,
                    [
                        Query(
                            "sum by (topic, reason) (rate(wayfare_ingest_events_rejected_total[5m]))"
                            " or 0 * sum by (topic) (rate(wayfare_ingest_events_applied_total[5m]))",
                            "{{topic}} {{reason}}",
                        ),
                        Query(
                            'sum by (topic, reason) (rate(wayfare_dead_letters_total[5m])) or 0 * sum(up{service="ingest"})',
                            "dead letter {{topic}} {{reason}}",
                        ),
                    ],
                    runbook="DeadLetters",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Ended by a rule",
                    "Cabs that fell silent, requests that expired, requests that had ended before they were opened. A jump of silent "
                    "cabs is an app or a network that fails.",
                    RATE,
                    [
                        Query(
                            "sum by (topic, reason) (rate(wayfare_ingest_ended_total[5m]))"
                            " or 0 * sum by (topic) (rate(wayfare_ingest_events_applied_total[5m]))",
                            "{{topic}} {{reason}}",
                        )
                    ],
                    runbook="EventsFail",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Bias of circles made of cells",
                    "What the cover of a 5 km circle counts above (or below) the cabs truly within, around cabs of now. Healthy: "
                    "within one in a hundred.",
                    SHARE,
                    [
                        Query(
                            f'sum by (city) (wayfare_cover_cabs{{{CITY},kind="covered"}})'
                            f' / sum by (city) (wayfare_cover_cabs{{{CITY},kind="exact"}}) - 1',
                            "{{city}}",
                        )
                    ],
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Error of the sketches",
                    "Count-min error of the newest pane against the exact count, beside the bound that it promises. Observed "
                    "above promised is a defect.",
                    COUNT,
                    [Query("max by (gauge, kind) (wayfare_sketch_error)", "{{gauge}} {{kind}}")],
                    runbook="SketchBeyondPromise",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Panes written",
                    "Pane registers a second, by store: the log first, then Redis. Redis alone at zero means that front ends "
                    "see no new window.",
                    RATE,
                    [Query("sum by (store) (rate(wayfare_panes_written_total[5m]))", "{{store}}")],
                    runbook="WindowStale",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Time until the log acknowledges",
                    "p99 of an append, by topic; and appends that were not acknowledged.",
                    SECONDS,
                    [
                        Query(
                            "histogram_quantile(0.99, sum by (le, topic) (rate(wayfare_log_append_seconds_bucket[5m])))",
                            "{{topic}}",
                        )
                    ],
                    runbook="LogFails",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Rows landed as history",
                    "Rows that became Parquet, by topic; it lands in batches, so flat stretches of a minute are usual.",
                    RATE,
                    [Query("sum by (topic) (rate(wayfare_lander_rows_total[15m]))", "{{topic}}")],
                )
            )
        )
    )
