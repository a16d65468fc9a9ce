"""Recorded figures: the six that operators of such platforms ask for, and the product's own.

Names are `level:figure:operation`; the window in a name is of the day that is watched. On a cluster CPU and memory of
pods come from the kubelet (cAdvisor), on one machine from the processes themselves; those of nodes from node-exporter.
"""

from __future__ import annotations

from monitoring.rule import MINUTE, Recording, Windows, increase
from wayfare.inventory import SERVICES

SERVICE_NAMES = "|".join(row.name for row in SERVICES)
POD = "wayfare-.*"
"""Pods of a release of this name; other releases set `global.monitoring.pods`."""


def asked_for(windows: Windows) -> list[Recording]:
    """Errors, latency, traffic, CPU and memory, exceptions: of the last five minutes."""
    five = windows.of(5 * MINUTE)
    requests, failed = "wayfare_http_requests_total", 'wayfare_http_requests_total{status=~"5.."}'
    container = f'container!="",container!="POD",pod=~"{POD}"'
    return [
        Recording(
            "service:http_5xx:increase5m",
            f"sum by (service) ({increase(failed, five)}) or 0 * sum by (service) (increase({requests}[{five}]))",
            "Requests answered 5xx in the last 5 minutes.",
        ),
        Recording(
            "service_route:http_request_seconds:p99_5m",
            "histogram_quantile(0.99, sum by (service, route, le) "
            f"(rate(wayfare_http_request_seconds_bucket[{five}])))",
            "Latency that 99 of 100 requests of a route stay below, over 5 minutes.",
        ),
        Recording(
            "service:http_requests:rate5m",
            f"sum by (service) (rate({requests}[{five}]))",
            "Requests per second.",
        ),
        Recording(
            "node:cpu_used:ratio_rate5m",
            f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle"}}[{five}]))',
            "Share of a node's CPU that is used.",
        ),
        Recording(
            "node:memory_used:ratio",
            "1 - sum by (instance) (node_memory_MemAvailable_bytes) / sum by (instance) (node_memory_MemTotal_bytes)",
            "Share of a node's memory that is used.",
        ),
        Recording(
            "pod:cpu_cores:rate5m",
            f"sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{{{container}}}[{five}]))",
            "Cores that a pod uses, by its kubelet.",
        ),
        Recording(
            "pod:memory_bytes:sum",
            f"sum by (namespace, pod) (container_memory_working_set_bytes{{{container}}})",
            "Memory of a pod that cannot be taken back, by its kubelet.",
        ),
        Recording(
            "process:cpu_cores:rate5m",
            f'sum by (service, instance) (rate(process_cpu_seconds_total{{service=~"{SERVICE_NAMES}"}}[{five}]))',
            "Cores that a process of Wayfare uses, by itself.",
        ),
        Recording(
            "process:memory_bytes:sum",
            f'sum by (service, instance) (process_resident_memory_bytes{{service=~"{SERVICE_NAMES}"}})',
            "Memory of a process of Wayfare, by itself.",
        ),
        Recording(
            "service:exceptions:increase5m",
            f"sum by (service) ({increase('wayfare_exceptions_total', five)})"
            f' or 0 * sum by (service) (up{{service=~"{SERVICE_NAMES}"}} == 1)',
            "Exceptions that no rule expected, in the last 5 minutes.",
        ),
    ]


def own(windows: Windows) -> list[Recording]:
    """Prices, bookings and the live window."""
    five = windows.of(5 * MINUTE)
    return [
        Recording("city:quotes:rate5m", f"sum by (city) (rate(wayfare_quotes_total[{five}]))", "Quotes per second."),
        Recording(
            "what:quotes_degraded:ratio_rate5m",
            f"sum by (what) (rate(wayfare_degradations_total[{five}]))"
            f" / on () group_left () (sum(rate(wayfare_quotes_total[{five}])) > 0)",
            "Share of quotes that lacked something, by what it was.",
        ),
        Recording(
            "wayfare:bookings_per_quote:ratio_rate5m",
            f'sum(rate(wayfare_bookings_total{{outcome="booked"}}[{five}]))'
            f" / (sum(rate(wayfare_quotes_total[{five}])) > 0)",
            "Bookings per quote.",
        ),
        Recording(
            "city:event_to_price_seconds:p99_5m",
            f"histogram_quantile(0.99, sum by (city, le) (rate(wayfare_quote_window_age_seconds_bucket[{five}])))",
            "From an event's receipt to a price that knows it: 99 of 100 quotes were faster.",
        ),
        Recording(
            "city:window_age_seconds:max", "max by (city) (wayfare_window_age_seconds)", "Age of the stalest window."
        ),
        Recording(
            "topic:lag_records:sum",
            "sum by (service, topic) (wayfare_ingest_lag_records or wayfare_consumer_lag_records)",
            "Records that wait to be read, or to be kept.",
        ),
    ]
