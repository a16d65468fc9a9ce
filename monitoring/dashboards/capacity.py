"""Capacity and cost: CPU and memory per node, pod and process, how many of each, and what 1,000 quotes cost."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard

from monitoring.dashboards import limits
from monitoring.dashboards.frame import frame, price
from monitoring.dashboards.parts import BYTES, CITY, CORES, COUNT, MONEY, RATE, SHARE, Panel, Query, lines, number
from monitoring.recorded import SERVICE_NAMES

OURS = f'service=~"{SERVICE_NAMES}"'
CPU = "sum(process:cpu_cores:rate5m)"
MEMORY = "sum(process:memory_bytes:sum)"
COST = f"1000 * ({CPU} * $core_hour + {MEMORY} / 1024^3 * $gib_hour) / 3600 / (sum(city:quotes:rate5m{{{CITY}}}) > 0)"


def build() -> dashboard.Dashboard:
    """The dashboard."""
    return (
        frame(
            "wayfare-capacity",
            "Wayfare: Capacity and cost",
            "What runs, what it uses, and what 1,000 quotes cost at the prices that stand above.",
            ago="now-6h",
            refresh="30s",
        )
        .with_variable(
            price(
                "core_hour",
                "Core-hour, USD",
                "0.04048",
                "What one core costs for an hour. Default: list price of AWS Fargate, Linux on x86, us-east-1, in 2026. "
                "Put your own.",
            )
        )
        .with_variable(
            price(
                "gib_hour",
                "GiB-hour, USD",
                "0.004445",
                "What one GiB of memory costs for an hour. Default: list price of AWS Fargate, Linux on x86, us-east-1, in "
                "2026. Put your own.",
            )
        )
        .with_panel(
            number(
                Panel(
                    "Cost of 1,000 quotes",
                    "CPU and memory that Wayfare's own processes use now at the prices above, by quotes of the cities chosen. "
                    "Without stores, traffic and what is reserved but unused; unknown while nobody asks for quotes.",
                    MONEY,
                    [Query(COST)],
                    width=6,
                    height=5,
                )
            )
        )
        .with_panel(
            number(
                Panel(
                    "Processes up",
                    "Processes of Wayfare that answer Prometheus.",
                    COUNT,
                    [Query(f"sum(up{{{OURS}}})")],
                    runbook="ServiceDown",
                    width=6,
                    height=5,
                )
            )
        )
        .with_panel(
            number(
                Panel(
                    "Processes that do not answer",
                    "Known to Prometheus, but silent. Healthy: 0.",
                    COUNT,
                    [Query(f"count(up{{{OURS}}}) - sum(up{{{OURS}}})")],
                    limits=limits.ANY,
                    runbook="ServiceDown",
                    width=6,
                    height=5,
                )
            )
        )
        .with_panel(
            number(
                Panel(
                    "Quotes per second",
                    "What the capacity is for.",
                    RATE,
                    [Query(f"sum(city:quotes:rate5m{{{CITY}}})")],
                    width=6,
                    height=5,
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "CPU per node",
                    "Share of all cores that is busy. Above four fifths, latency grows before anything fails.",
                    SHARE,
                    [Query("node:cpu_used:ratio_rate5m", "{{instance}}")],
                    limits=limits.NODE_SHARE,
                    runbook="NodeFull",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Memory per node",
                    "Share that is not available.",
                    SHARE,
                    [Query("node:memory_used:ratio", "{{instance}}")],
                    limits=limits.NODE_SHARE,
                    runbook="NodeFull",
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "CPU per process",
                    "Cores that each process uses. A front end of one Python process ends at about one core.",
                    CORES,
                    [
                        Query(
                            "process:cpu_cores:rate5m",
                            "{{service}} {{instance}}",
                        )
                    ],
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Memory per process",
                    "Resident memory.",
                    BYTES,
                    [
                        Query(
                            "process:memory_bytes:sum",
                            "{{service}} {{instance}}",
                        )
                    ],
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "CPU per pod",
                    "Cores that each pod uses, from the kubelet; on a cluster only.",
                    CORES,
                    [
                        Query(
                            "pod:cpu_cores:rate5m",
                            "{{pod}}",
                        )
                    ],
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Memory per pod",
                    "Working set of each pod, from the kubelet; a pod that reaches its limit is killed. On a cluster only.",
                    BYTES,
                    [
                        Query(
                            "pod:memory_bytes:sum",
                            "{{pod}}",
                        )
                    ],
                )
            )
        )
        .with_panel(
            lines(
                Panel(
                    "Pods per node",
                    "Pods that the kubelet runs; on a cluster only.",
                    COUNT,
                    [Query("sum by (instance) (kubelet_running_pods)", "{{instance}}")],
                )
            )
        )
    )
