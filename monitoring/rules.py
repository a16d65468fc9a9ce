"""All rules together, as Prometheus and a PrometheusRule hold them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from monitoring import alerts, burn, recorded
from monitoring.rule import RUNBOOKS, Alert, Windows, group
from wayfare.inventory import SERVICES

INSTALLED = frozenset(row.name for row in SERVICES)
WATCHED = INSTALLED | {"drift_monitor"}


def every_alert() -> list[Alert]:
    """Every alert that any installation can have, in the order in which they are written."""
    windows = Windows()
    return burn.alerts(windows) + [alert for listed in alerts.all_of(windows, WATCHED).values() for alert in listed]


def groups(scale: float = 1.0, runbooks: str = RUNBOOKS, services: Collection[str] = INSTALLED) -> dict[str, Any]:
    """What Prometheus reads as a file of rules. runbooks: where their pages are, without a slash at its end."""
    windows = Windows(scale)
    made = [
        group("asked-for", recorded.asked_for(windows), windows, runbooks),
        group("own", recorded.own(windows), windows, runbooks),
        group("objectives", [*burn.ratios(windows), *burn.alerts(windows)], windows, runbooks),
    ]
    listed = alerts.all_of(windows, services)
    made += [group(name, chosen, windows, runbooks) for name, chosen in listed.items() if chosen]
    return {"groups": made}
