"""Asking Prometheus: instant queries, and the alerts that fire, over its HTTP API (v1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from wayfare.adapters.http_json import HttpJson
from wayfare.domain.errors import InvalidInput, StoreUnavailable
from wayfare.domain.times import parse_rfc3339

FINE = ("ok", "unknown")
"""Health of a rule; Prometheus says `unknown` until a rule was evaluated for the first time."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that fires. since_ms: wall time."""

    name: str
    severity: str
    summary: str
    runbook: str
    labels: dict[str, str]
    since_ms: int


@dataclass(frozen=True, slots=True)
class Alerts:
    """What fires. rules: how many alerting rules were looked at; failing: those that Prometheus cannot evaluate."""

    firing: tuple[Alert, ...]
    rules: int
    failing: tuple[str, ...]


class PrometheusQueries:
    """One Prometheus. Every method raises StoreUnavailable when it cannot answer."""

    def __init__(self, http: HttpJson) -> None:
        self._http = http

    def value(self, query: str) -> float | None:
        """The one value of an instant query; None when it has none or is not a number; StoreUnavailable for several."""
        found = self._read("/api/v1/query", {"query": query})
        try:
            samples = found["result"] if found["resultType"] == "vector" else [{"value": found["result"]}]
            if len(samples) > 1:
                raise StoreUnavailable(f"one value was asked of Prometheus, got {len(samples)} for {query[:120]!r}")
            value = float(samples[0]["value"][1]) if samples else math.nan
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise StoreUnavailable(f"Prometheus answered what is no result, got {str(found)[:120]}") from error
        return value if math.isfinite(value) else None

    def alerts(self) -> Alerts:
        """Every alert that fires now."""
        found = self._read("/api/v1/rules", {"type": "alert"})
        try:
            rules = [rule for group in found["groups"] for rule in group["rules"]]
            firing = [_alert(one) for rule in rules for one in rule["alerts"] if one["state"] == "firing"]
            failing = tuple(rule["name"] for rule in rules if rule["health"] not in FINE)
        except (KeyError, TypeError, InvalidInput) as error:
            raise StoreUnavailable(f"Prometheus answered what are no rules, got {str(found)[:120]}") from error
        return Alerts(tuple(sorted(firing, key=lambda one: (one.severity, one.since_ms))), len(rules), failing)

    def _read(self, path: str, query: dict[str, str]) -> Any:
        answer = self._http.get(path, query)
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise StoreUnavailable(f"Prometheus did not answer with success, got {str(answer)[:120]}")
        return answer.get("data")


def _alert(raw: dict[str, Any]) -> Alert:
    labels, notes = raw["labels"], raw["annotations"]
    return Alert(
        labels["alertname"],
        labels.get("severity", "unknown"),
        notes.get("summary", ""),
        notes.get("runbook_url", ""),
        {name: value for name, value in labels.items() if name not in ("alertname", "severity")},
        parse_rfc3339(raw["activeAt"]),
    )
