"""For each alert: what makes it fire, and the near miss that must not, as changes to the healthy world.

Every fault begins in minute 90, and is looked at `after` minutes later.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.unit.monitoring.healthy import (
    BOOKINGS,
    FAST,
    FRESH,
    PINGS,
    QUOTES,
    SAMPLE_S,
    SAMPLES,
    Series,
    always,
    key,
    rising,
    then,
)

BEGINS = 90
CUT = BEGINS * 60 // SAMPLE_S


FROM_THE_START = ("ModelVersionsDiffer", "ModelStale")
"""Faults without a beginning: they are what is there."""


@dataclass(frozen=True)
class Fault:
    """One alert's case. also: pages that rightly fire beside it, before inhibition. alone: it changes what others need."""

    alert: str
    severity: str
    fires: Series
    silent: Series
    after: int = 30
    also: tuple[str, ...] = ()
    alone: bool = False


def _failing(route: str, share: float, per_second: float, status: str = "500") -> Series:
    """A share of a route's requests fails from the beginning of the fault."""
    good = key(route, "http_requests_total")
    bad = good.replace("201", status).replace("202", status)
    return {
        good: rising(per_second, per_second * (1 - share), BEGINS),
        bad: rising(0, per_second * share, BEGINS),
    }


def _slow(share: float) -> Series:
    return {key("request_seconds_bucket", f'le="{FAST}"'): rising(20, 20 * (1 - share), BEGINS)}


def _stale_quotes(share: float) -> Series:
    return {key("quote_window_age_seconds_bucket", f'le="{FRESH}"'): rising(20, 20 * (1 - share), BEGINS)}


def _unreadable(share: float) -> Series:
    applied = key("ingest_events_applied")
    rejected = applied.replace("applied_total{", 'rejected_total{reason="unreadable",')
    return {applied: rising(200, 200 * (1 - share), BEGINS), rejected: rising(0, 200 * share, BEGINS)}


def _degraded(what: str, share: float) -> Series:
    return {
        f'wayfare_degradations_total{{service="pricing_api",instance="pricing_api-1",what="{what}"}}': rising(
            0, 20 * share, BEGINS
        )
    }


def _gone(service: str) -> Series:
    return {key("up{", f'"{service}"'): then(always(1), always(0), BEGINS)}


def _counted(metric: str, labels: str, count: int) -> Series:
    """A counter whose series begins with its first count."""
    name = f"{metric}{{{labels}}}"
    return {name: f"_x{CUT} {count}x{SAMPLES - CUT}"}


def _kept(metric: str, labels: str, count: int) -> Series:
    """Counts of long ago: not news."""
    return {f"{metric}{{{labels}}}": always(count)}


ALL = (
    Fault("QuotesFail", "page", _failing(QUOTES, 0.05, 20), _failing(QUOTES, 0.002, 20)),
    Fault(
        "QuotesFail",
        "ticket",
        _failing(QUOTES, 0.05, 20),
        _failing(QUOTES, 0.00001, 20),
        after=119,
        also=("QuotesFail",),
    ),
    Fault("QuotesSlow", "page", _slow(0.4), _slow(0.02)),
    Fault("QuotesSlow", "ticket", _slow(0.4), _slow(0.0005), after=119, also=("QuotesSlow",)),
    Fault("WindowStale", "page", _stale_quotes(0.4), _stale_quotes(0.02)),
    Fault("WindowStale", "ticket", _stale_quotes(0.4), _stale_quotes(0.0005), after=119, also=("WindowStale",)),
    Fault(
        "WindowStale",
        "page",
        {key("wayfare_window_age_seconds{"): then(always(1.2), "31+60x1", BEGINS)},
        {key("wayfare_window_age_seconds{"): then(always(1.2), always(29), BEGINS)},
        after=3,
    ),
    Fault("PanesWrong", "page", _unreadable(0.05), _unreadable(0.002)),
    Fault("PanesWrong", "ticket", _unreadable(0.05), _unreadable(0.00001), after=119, also=("PanesWrong",)),
    Fault("BookingsFail", "page", _failing(BOOKINGS, 0.1, 5, "503"), _failing(BOOKINGS, 0.002, 5, "503")),
    Fault(
        "BookingsFail",
        "ticket",
        _failing(BOOKINGS, 0.1, 5),
        _failing(BOOKINGS, 0.00001, 5),
        after=119,
        also=("BookingsFail",),
    ),
    Fault("EventsFail", "page", _failing(PINGS, 0.05, 200, "503"), _failing(PINGS, 0.002, 200, "503")),
    Fault(
        "EventsFail",
        "ticket",
        _failing(PINGS, 0.05, 200),
        _failing(PINGS, 0.00001, 200),
        after=119,
        also=("EventsFail",),
    ),
    Fault("QuotesDegraded", "page", _degraded("model", 0.9), _degraded("model", 0.03), after=6),
    Fault("QuotesDegraded", "page", _degraded("model", 0.2), _degraded("live_window", 1.0), after=6),
    Fault(
        "QuotesStopped",
        "page",
        {key("wayfare_quotes_total"): rising(20, 0, BEGINS)},
        {key("wayfare_quotes_total"): rising(20, 0.02, BEGINS)},
        after=14,
        alone=True,
    ),
    Fault("QuotesUnknown", "page", _gone("pricing_api"), {}, after=4),
    Fault("EventsUnknown", "page", _gone("events_api"), {}, after=4),
    Fault("PanesUnknown", "page", _gone("ingest"), {}, after=7),
    Fault("ServiceDown", "ticket", _gone("booking_relay"), {}, after=2),
    Fault(
        "ServiceRestarts",
        "ticket",
        {key("start_time", '"lander"'): then(always(1000), "2000+60x1", BEGINS)},
        {key("start_time", '"lander"'): then(always(1000), always(2000), BEGINS)},
        after=5,
    ),
    Fault(
        "DependencyAway",
        "ticket",
        {key("wayfare_problem"): then(always(0), always(1), BEGINS)},
        {key("wayfare_problem"): f"0x{CUT} 1x1 0x{SAMPLES - CUT - 3}"},
        after=4,
    ),
    Fault(
        "Exceptions",
        "ticket",
        _counted("wayfare_exceptions_total", 'service="lander",instance="lander-1",where="lander"', 1),
        _kept("wayfare_exceptions_total", 'service="lander",instance="lander-1",where="lander"', 7),
        after=2,
    ),
    Fault(
        "IngestLag",
        "ticket",
        {key("ingest_lag"): then(always(40), always(5_001), BEGINS)},
        {key("ingest_lag"): then(always(40), always(4_999), BEGINS)},
        after=5,
    ),
    Fault(
        "LandingLags",
        "ticket",
        {key("consumer_lag"): then(always(900), always(200_001), BEGINS)},
        {key("consumer_lag"): then(always(900), always(199_999), BEGINS)},
        after=35,
    ),
    Fault(
        "DeadLetters",
        "ticket",
        _counted(
            "wayfare_dead_letters_total", 'service="lander",instance="lander-1",topic="trips",reason="unreadable"', 1
        ),
        _kept(
            "wayfare_dead_letters_total", 'service="lander",instance="lander-1",topic="trips",reason="unreadable"', 3
        ),
        after=2,
    ),
    Fault("EventsRefused", "ticket", _failing(PINGS, 0.05, 200, "422"), _failing(PINGS, 0.01, 200, "422"), after=12),
    Fault("EventsRefused", "ticket", _failing(PINGS, 0.05, 200, "401"), _failing(PINGS, 0.5, 200, "429"), after=12),
    Fault(
        "LogFails",
        "ticket",
        _counted("wayfare_log_failures_total", 'service="events_api",instance="events_api-1",topic="trips"', 1),
        _kept("wayfare_log_failures_total", 'service="events_api",instance="events_api-1",topic="trips"', 9),
        after=2,
    ),
    Fault(
        "PredictionsLost",
        "ticket",
        {'wayfare_predictions_lost_total{service="pricing_api",instance="pricing_api-1"}': rising(0, 1, BEGINS)},
        _kept("wayfare_predictions_lost_total", 'service="pricing_api",instance="pricing_api-1"', 5),
        after=2,
    ),
    Fault(
        "ModelRefused",
        "ticket",
        _counted(
            "wayfare_artifacts_refused_total",
            'service="publisher",instance="publisher-1",model="surge-sf",reason="signature"',
            1,
        ),
        _kept(
            "wayfare_artifacts_refused_total",
            'service="publisher",instance="publisher-1",model="surge-sf",reason="signature"',
            1,
        ),
        after=2,
    ),
    Fault(
        "ModelVersionsDiffer",
        "ticket",
        {key("model_version").replace("pricing_api-1", "pricing_api-2"): always(19700101002)},
        {key("model_version").replace("pricing_api-1", "pricing_api-2"): always(19700101001)},
        after=1,
    ),
    Fault(
        "ModelStale",
        "ticket",
        {key("model_version"): always(19691201001)},
        {key("model_version"): always(19691225001)},
        after=1,
        alone=True,
    ),
    Fault(
        "SketchBeyondPromise",
        "ticket",
        {key("sketch_error", "observed"): then(always(1), always(10), BEGINS)},
        {key("sketch_error", "observed"): then(always(1), always(9), BEGINS)},
    ),
    Fault(
        "RedisLost",
        "ticket",
        {'wayfare_window_rebuilds_total{service="ingest",instance="ingest-1"}': f"0x{CUT} 1x{SAMPLES - CUT - 1}"},
        {'wayfare_window_rebuilds_total{service="ingest",instance="ingest-1"}': always(3)},
        after=3,
    ),
    Fault(
        "NodeFull",
        "ticket",
        {key("MemAvailable"): then(always(50), always(4), BEGINS)},
        {key("MemAvailable"): then(always(50), always(6), BEGINS)},
    ),
    Fault(
        "NodeFull",
        "ticket",
        {key("node_cpu"): rising(0.4, 0.01, BEGINS)},
        {key("node_cpu"): rising(0.4, 0.1, BEGINS)},
    ),
    Fault(
        "NodeFull",
        "ticket",
        {key("filesystem_avail"): then(always(40), always(9), BEGINS)},
        {key("filesystem_avail"): then(always(40), always(11), BEGINS)},
    ),
    Fault(
        "ModelDrifted",
        "ticket",
        {key("drift_state"): then(always(0), always(1), BEGINS)},
        {key("drift_state"): always(0)},
        after=2,
    ),
    Fault(
        "DriftUnknown",
        "ticket",
        {key("drift_state"): then(always(0), always(2), BEGINS)},
        {key("drift_state"): f"0x{CUT} 2x20 0x{SAMPLES - CUT - 22}"},
        after=40,
    ),
    Fault("DriftUnseen", "page", _gone("drift_monitor"), {}, after=40),
    Fault(
        "DriftUnseen",
        "page",
        {key("drift_evaluated"): then("0+60x1", always(BEGINS * 60), BEGINS)},
        {},
        after=70,
    ),
)
