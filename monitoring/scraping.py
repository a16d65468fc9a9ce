"""What Prometheus scrapes on one machine. Every series carries `service`, the inventory's name, as on a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wayfare.inventory import ACTORS, SERVICES, WATCHERS, Service

INTERVAL_SECONDS = 5.0
FASTEST_SECONDS = 1.0
"""Below this a machine is busy with being watched."""


def interval_seconds(scale: float) -> float:
    """How often to scrape when the windows of all rules are divided by `scale`."""
    return max(FASTEST_SECONDS, INTERVAL_SECONDS / scale)


def configuration(ports: Mapping[str, int], host: str, rules: Sequence[str], *, scale: float = 1.0) -> dict[str, Any]:
    """prometheus.yml of one machine: the admin port of every service, the watchers, and the actors in a job of their own.

    An actor is not part of the platform: that it does not run is no fault, so no rule looks at its `up`.
    """
    seconds = f"{round(interval_seconds(scale) * 1000)}ms"

    def job(name: str, targets: Mapping[str, int]) -> dict[str, Any]:
        rows = [{"targets": [f"{host}:{port}"], "labels": {"service": service}} for service, port in targets.items()]
        return {"job_name": name, "static_configs": rows}

    def admin(services: tuple[Service, ...]) -> dict[str, int]:
        return {row.name: ports[f"{row.name}.admin"] for row in services}

    return {
        "global": {"scrape_interval": seconds, "scrape_timeout": seconds, "evaluation_interval": seconds},
        "rule_files": list(rules),
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"{host}:{ports['alertmanager']}"]}]}]},
        "scrape_configs": [
            job("wayfare", admin(SERVICES)),
            job("actors", admin(ACTORS)),
            job("watchers", {row.name: ports[row.name] for row in WATCHERS}),
        ],
    }
