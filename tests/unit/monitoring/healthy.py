"""A healthy installation as Prometheus sees it, in promtool's notation: `first+step x times`, one sample a minute."""

from __future__ import annotations

from wayfare.inventory import SERVICES

SAMPLE_S = 60
MINUTES = 220
"""Past the longest window of a fast burn, the time that a fault takes, and the longest wait for an alert."""
SAMPLES = MINUTES * 60 // SAMPLE_S
QUOTES, BOOKINGS = 'service="pricing_api",route="POST /v1/quotes"', 'service="pricing_api",route="POST /v1/bookings"'
PINGS = 'service="events_api",route="POST /v1/driver-pings"'
FAST, FRESH = "0.25", "10.0"

Series = dict[str, str]


def steady(per_second: float, first: float = 0) -> str:
    """A counter that rises by so much a second."""
    return f"{first:g}+{per_second * SAMPLE_S:g}x{SAMPLES}"


def always(value: float) -> str:
    """A gauge that stays."""
    return f"{value:.12g}x{SAMPLES}"


def then(before: str, after: str, at_minute: int) -> str:
    """One course until a minute, another from there on, both in promtool's notation of `first+stepxtimes`."""
    cut = at_minute * 60 // SAMPLE_S
    head, tail = before.rsplit("x", 1)[0], after.rsplit("x", 1)[0]
    return f"{head}x{cut - 1} {tail}x{SAMPLES - cut}"


def rising(before: float, after: float, at_minute: int, first: float = 0) -> str:
    """A counter whose rate changes at a minute."""
    cut = at_minute * 60 // SAMPLE_S
    level = first + before * SAMPLE_S * (cut - 1)
    return (
        f"{first:g}+{before * SAMPLE_S:g}x{cut - 1} "
        f"{level + after * SAMPLE_S:.12g}+{after * SAMPLE_S:g}x{SAMPLES - cut}"
    )


def world() -> Series:
    """Every series that a rule reads, in an installation with nothing wrong: 20 quotes and 200 pings a second."""
    found = {}
    for name in sorted({row.name for row in SERVICES} | {"drift_monitor"}):
        found[f'up{{service="{name}",instance="{name}-1"}}'] = always(1)
        found[f'process_start_time_seconds{{service="{name}",instance="{name}-1"}}'] = always(1000)
    of = 'instance="{0}-1",{1}'
    quotes, bookings, pings = (of.format(labels.split('"')[1], labels) for labels in (QUOTES, BOOKINGS, PINGS))
    seen = 'service="pricing_api",instance="pricing_api-1",city="sf"'
    ingest = 'service="ingest",instance="ingest-1",topic="driver-pings"'
    drift = 'service="drift_monitor",instance="drift_monitor-1"'
    return found | {
        f'wayfare_drift_state{{{drift},city="sf",model="surge-sf",check="features"}}': always(0),
        f"wayfare_drift_evaluated_timestamp_seconds{{{drift}}}": steady(1),
        f'wayfare_http_requests_total{{{quotes},status="201"}}': steady(20),
        f'wayfare_http_requests_total{{{bookings},status="201"}}': steady(5),
        f'wayfare_http_requests_total{{{pings},status="202"}}': steady(200),
        f"wayfare_http_request_seconds_count{{{quotes}}}": steady(20),
        f'wayfare_http_request_seconds_bucket{{{quotes},le="{FAST}"}}': steady(20),
        f'wayfare_http_request_seconds_bucket{{{quotes},le="+Inf"}}': steady(20),
        f'wayfare_quotes_total{{{seen},price_source="model"}}': steady(20),
        f'wayfare_quote_window_age_seconds_bucket{{{seen},le="{FRESH}"}}': steady(20),
        f'wayfare_quote_window_age_seconds_bucket{{{seen},le="+Inf"}}': steady(20),
        f"wayfare_window_age_seconds{{{seen}}}": always(1.2),
        'wayfare_bookings_total{service="pricing_api",instance="pricing_api-1",outcome="booked"}': steady(5),
        'wayfare_model_version{service="pricing_api",instance="pricing_api-1",model="surge-sf",label="stable"}': always(
            19700101001
        ),
        f"wayfare_ingest_events_applied_total{{{ingest}}}": steady(200),
        f'wayfare_ingest_lag_records{{{ingest},partition="0"}}': always(40),
        'wayfare_consumer_lag_records{service="lander",instance="lander-1",topic="panes",partition="0"}': always(900),
        'wayfare_sketch_error{service="ingest",instance="ingest-1",gauge="cabs_available",kind="promised"}': always(9),
        'wayfare_sketch_error{service="ingest",instance="ingest-1",gauge="cabs_available",kind="observed"}': always(1),
        'wayfare_problem{service="ingest",instance="ingest-1",what="window"}': always(0),
        'node_cpu_seconds_total{service="node_exporter",instance="n1",cpu="0",mode="idle"}': steady(0.4),
        'node_memory_MemAvailable_bytes{service="node_exporter",instance="n1"}': always(50),
        'node_memory_MemTotal_bytes{service="node_exporter",instance="n1"}': always(100),
        'node_filesystem_avail_bytes{service="node_exporter",instance="n1",fstype="ext4",mountpoint="/"}': always(40),
        'node_filesystem_size_bytes{service="node_exporter",instance="n1",fstype="ext4",mountpoint="/"}': always(100),
    }


def key(part: str, *more: str) -> str:
    """The one series of the healthy world whose text holds these parts."""
    found = [name for name in world() if all(word in name for word in (part, *more))]
    assert len(found) == 1, f"one series has these, got {found} for {(part, *more)}"
    return found[0]
