"""A judgement as it is written down and told: states, figures, and what another process needs to go on."""

from __future__ import annotations

import dataclasses
from typing import Any

from wayfare.domain.drift.figures import HOUR_BUCKETS, figures
from wayfare.domain.drift.monitor import DAY_BUCKETS, CheckState, Monitor
from wayfare.domain.drift.series import CHECKS

SCHEMA = 1


def judgement_of(
    monitor: Monitor, city: str, model: str, version: int, now_ms: int, span_buckets: int = DAY_BUCKETS
) -> dict[str, Any]:
    """Of a monitor, as of the last five minutes that it took. now_ms: wall time."""
    evidence = monitor.evidence()
    checks = {name: _told(state, evidence.get(name)) for name, state in monitor.states().items()}
    reference = monitor.reference
    return _head(city, model, version, monitor.last, now_ms) | {
        "rows_hour": monitor.rows(HOUR_BUCKETS),
        "rows_day": monitor.rows(span_buckets),
        "reference": {"schema": reference.schema, "rows": reference.rows, "days": reference.days},
        "checks": checks,
        "hour": [dataclasses.asdict(one) for one in figures(monitor, HOUR_BUCKETS)],
        "day": [dataclasses.asdict(one) for one in figures(monitor, span_buckets)],
        "monitor": monitor.to_json(),
    }


def without_reference(
    city: str, model: str, version: int, last: int, now_ms: int, rows: int, states: dict[str, CheckState]
) -> dict[str, Any]:
    """Of a model whose reference cannot be had: rows, and unknown states."""
    return _head(city, model, version, last, now_ms) | {
        "rows_hour": rows,
        "rows_day": rows,
        "reference": None,
        "checks": {name: _told(state, None) for name, state in states.items()},
        "hour": [],
        "day": [],
        "monitor": None,
    }


def all_unknown(reason: str) -> dict[str, CheckState]:
    """Every check unknown for one reason."""
    return {check: CheckState("unknown", reason, None, ()) for check in CHECKS}


def _told(state: CheckState, evidence: float | None) -> dict[str, Any]:
    return dataclasses.asdict(state) | {"evidence": evidence}


def _head(city: str, model: str, version: int, last: int, now_ms: int) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "city": city,
        "model": model,
        "version": version,
        "last": last,
        "evaluated_at_ms": now_ms,
    }
