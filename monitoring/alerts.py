"""Every alert that is no burn of an objective: what is felt, what is unknown, and what causes it.

Symptoms page, causes do not. A page that could go blind has a twin that pages when its data are gone: `...Unknown`.
"""

from __future__ import annotations

from collections.abc import Collection

from monitoring.rule import HOUR, MINUTE, Alert, Windows, increase
from wayfare.inventory import SERVICES

STALE_SECONDS = 30.0
"""From here on a window is not priced on: the default of pricing_api's `stale_after_seconds`."""
DEGRADED_SHARE = 0.05
REFUSED_SHARE = 0.02
LAG_RECORDS = 5_000
LANDING_LAG_RECORDS = 200_000
MODEL_DAYS = 14
FULL = 0.95
DISK_LEFT = 0.10

_NAMES = "|".join(row.name for row in SERVICES)
_OURS = f'service=~"{_NAMES}"'


def felt(windows: Windows) -> list[Alert]:
    """Pages: riders, drivers or prices feel it."""
    five, ten, hour = (windows.of(span) for span in (5 * MINUTE, 10 * MINUTE, HOUR))
    quotes = "wayfare_quotes_total"
    return [
        Alert(
            "WindowStale",
            f"max by (city) (wayfare_window_age_seconds) > {STALE_SECONDS:g}",
            "page",
            "Prices in {{ $labels.city }} stand on nothing live: the window is {{ $value | humanizeDuration }} old.",
            f"The newest event that every partition has reached is older than {STALE_SECONDS:g} s, so quotes are made "
            "from last multipliers, then from priors.",
            MINUTE,
        ),
        Alert(
            "QuotesDegraded",
            f'sum(rate(wayfare_degradations_total{{what="model"}}[{five}]))'
            f" / (sum(rate({quotes}[{five}])) > 0) > {DEGRADED_SHARE}",
            "page",
            "{{ $value | humanizePercentage }} of quotes go without the model.",
            "Riders get prices, but from last multipliers or priors: surge does not follow what happens now. "
            "Quotes that lack the live window are counted by WindowStale.",
            2 * MINUTE,
        ),
        Alert(
            "QuotesStopped",
            f"sum(rate({quotes}[{ten}])) == 0 and sum(rate({quotes}[{hour}] offset {ten})) > 0.1",
            "page",
            "Nobody has asked for a price for 10 minutes.",
            "Quotes came in the hour before and come no more: apps cannot reach pricing_api, or cannot sign in.",
            2 * MINUTE,
        ),
    ]


def unknown(_windows: Windows) -> list[Alert]:
    """Pages: nobody can tell. Each is the twin of the alerts that read the same service's metrics."""

    def twin(name: str, service: str, blind: str, gone: str = "", least_s: int = 0, keeps_s: int = 0) -> Alert:
        return Alert(
            name,
            f'absent(up{{service="{service}"}} == 1)' + (f" or absent({gone})" if gone else ""),
            "page",
            f"No metrics of {service} arrive: {blind} is unknown.",
            f"Either no replica of {service} runs, or Prometheus cannot reach any. Unknown is not fine.",
            2 * MINUTE,
            least_s=least_s,
            keeps_s=keeps_s,
        )

    # What is back has work to make up for; the pages that follow from its absence end five minutes after it has.
    until_over = 10 * MINUTE

    return [
        twin(
            "QuotesUnknown",
            "pricing_api",
            "whether riders get prices",
            "wayfare_window_age_seconds",
            keeps_s=until_over,
        ),
        twin("EventsUnknown", "events_api", "whether drivers and riders can be heard", keeps_s=until_over),
        # After WindowStale, which says what riders feel of it.
        twin("PanesUnknown", "ingest", "whether events are counted", least_s=3 * MINUTE),
    ]


def causes(windows: Windows) -> list[Alert]:
    """Tickets: what is behind a page, and what can wait until the morning."""
    five, quarter, hour = (windows.of(span) for span in (5 * MINUTE, 15 * MINUTE, HOUR))
    events = 'wayfare_http_requests_total{service="events_api"'
    newest = 'max by (model) (wayfare_model_version{service="pricing_api"})'
    # A version is YYYYMMDD * 1000 + n. Months of 31 days are good enough to find a model that nobody trains any more.
    made = f"(floor({newest} / 1e7) * 372 + floor({newest} / 1e5) % 100 * 31 + floor({newest} / 1e3) % 100)"
    return [
        Alert(
            "ServiceDown",
            f"up{{{_OURS}}} == 0",
            "ticket",
            "A replica of {{ $labels.service }} does not answer.",
            "{{ $labels.instance }} does not answer on its admin port: it is dead, frozen, or cannot be reached.",
            MINUTE,
        ),
        Alert(
            "ServiceRestarts",
            f"changes(process_start_time_seconds{{{_OURS}}}[{hour}]) > 3",
            "ticket",
            "{{ $labels.service }} was started again {{ $value }} times within an hour.",
            "It ends by a defect, or is killed for the memory that it takes.",
        ),
        Alert(
            "DependencyAway",
            f"max by (service, what) (wayfare_problem{{{_OURS}}}) == 1",
            "ticket",
            "{{ $labels.service }} lacks {{ $labels.what }}.",
            "Something that it needs is wrong, as its /readyz and its log say.",
            2 * MINUTE,
        ),
        Alert(
            "Exceptions",
            "service:exceptions:increase5m > 0",
            "ticket",
            "{{ $value | humanize }} exceptions that no rule expected, in {{ $labels.service }}.",
            "A defect of the code, or data that nobody thought of.",
        ),
        Alert(
            "IngestLag",
            f"sum by (topic) (wayfare_ingest_lag_records) > {LAG_RECORDS}",
            "ticket",
            "{{ $value | humanize }} records of {{ $labels.topic }} wait for ingest.",
            "Ingest reads more slowly than events arrive, or has just begun to catch up.",
            3 * MINUTE,
        ),
        Alert(
            "LandingLags",
            f'sum by (topic) (wayfare_consumer_lag_records{{service="lander"}}) > {LANDING_LAG_RECORDS}',
            "ticket",
            "{{ $value | humanize }} records of {{ $labels.topic }} wait to be landed.",
            "What Kafka forgets before it has landed is missing in every later training.",
            30 * MINUTE,
        ),
        Alert(
            "DeadLetters",
            f"sum by (topic) ({increase('wayfare_dead_letters_total', quarter)}) > 0",
            "ticket",
            "{{ $value | humanize }} records of {{ $labels.topic }} cannot be read.",
            "They wait in its dead-letter topic with the reason.",
        ),
        Alert(
            "EventsRefused",
            f'sum by (route) (rate({events},status=~"4..",status!="429"}}[{five}]))'
            f" / (sum by (route) (rate({events}}}[{five}])) > 0) > {REFUSED_SHARE}",
            "ticket",
            "{{ $value | humanizePercentage }} of {{ $labels.route }} are refused.",
            "Apps send what does not fit the interface or a token that does not count: mostly a release of an app.",
            5 * MINUTE,
        ),
        Alert(
            "LogFails",
            f"sum by (topic) ({increase('wayfare_log_failures_total', five)}) > 0",
            "ticket",
            "Kafka did not take {{ $value | humanize }} appends to {{ $labels.topic }}.",
            "Apps were told 503 and send again.",
        ),
        Alert(
            "PredictionsLost",
            f"sum({increase('wayfare_predictions_lost_total', quarter)}) > 0",
            "ticket",
            "{{ $value | humanize }} served predictions could not be logged.",
            "They are missing in drift, in evaluation and in training.",
        ),
        Alert(
            "ModelRefused",
            f"sum by (model, reason) ({increase('wayfare_artifacts_refused_total', hour)}) > 0",
            "ticket",
            "An artifact of {{ $labels.model }} was refused: {{ $labels.reason }}.",
            "The version before it goes on serving.",
        ),
        Alert(
            "ModelVersionsDiffer",
            'count by (model) (count_values by (model) ("version", wayfare_model_version{service="pricing_api"})) > 1',
            "ticket",
            "Front ends price with {{ $value }} versions of {{ $labels.model }}.",
            "Some cannot load the newest, or cannot see its label.",
            15 * MINUTE,
        ),
        Alert(
            "ModelStale",
            f"year() * 372 + month() * 31 + day_of_month() - on () group_right () {made} > {MODEL_DAYS}",
            "ticket",
            "{{ $labels.model }} was trained {{ $value }} days ago.",
            "Training or publishing does not get through.",
            HOUR,
        ),
        Alert(
            "SketchBeyondPromise",
            'max by (gauge) (wayfare_sketch_error{kind="observed"})'
            ' > on (gauge) max by (gauge) (wayfare_sketch_error{kind="promised"})',
            "ticket",
            "The sketch of {{ $labels.gauge }} errs by {{ $value }}, more than it promises.",
            "Prices read exact counts and are right; what reads sketches is not.",
            10 * MINUTE,
        ),
        Alert(
            "RedisLost",
            f"sum(increase(wayfare_window_rebuilds_total[{quarter}])) > 0",
            "ticket",
            "Redis had lost the live window; it was written again.",
            "Redis was restarted or ran full. Quotes were degraded for some seconds.",
        ),
        Alert(
            "NodeFull",
            f"node:cpu_used:ratio_rate5m > {FULL} or node:memory_used:ratio > {FULL}"
            ' or 1 - min by (instance) (node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"}'
            f" / node_filesystem_size_bytes) > {1 - DISK_LEFT:g}",
            "ticket",
            "CPU, memory or a disk of {{ $labels.instance }} is {{ $value | humanizePercentage }} full.",
            "What runs there becomes slow, is killed, or can write no more.",
            15 * MINUTE,
        ),
    ]


def drift() -> list[Alert]:
    """What the drift monitor says, and that it says nothing. It judges every five minutes of its city, in a hurried day too."""
    return [
        Alert(
            "ModelDrifted",
            "max by (city, model, check) (wayfare_drift_state == 1)",
            "ticket",
            "{{ $labels.check }} of {{ $labels.model }} in {{ $labels.city }} has drifted.",
            "The model does not see the world that it was trained on; its report says which features and since when.",
        ),
        Alert(
            "DriftUnknown",
            "count by (city, model) (max by (city, model, check) (wayfare_drift_state) == 2)",
            "ticket",
            "Whether {{ $labels.model }} in {{ $labels.city }} drifts cannot be told by {{ $value }} of its checks.",
            "Too few data, no reference, or the monitor is behind: the report says which.",
            30 * MINUTE,
        ),
        Alert(
            "DriftUnseen",
            'absent(up{service="drift_monitor"} == 1) or absent(wayfare_drift_state)'
            f" or time() - max(wayfare_drift_evaluated_timestamp_seconds) > {30 * MINUTE}",
            "page",
            "Nothing watches the models: the drift monitor says nothing, or nothing new.",
            "It does not run, or has not finished an evaluation for half an hour.",
            30 * MINUTE,
            least_s=30 * MINUTE,
        ),
    ]


def all_of(windows: Windows, services: Collection[str]) -> dict[str, list[Alert]]:
    """Every alert by the group that it is in; of drift only where a monitor is among the services."""
    return {
        "felt": felt(windows),
        "unknown": unknown(windows),
        "causes": causes(windows),
        "drift": drift() if "drift_monitor" in services else [],
    }
