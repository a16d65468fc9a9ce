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


def of_containers(services: Mapping[str, str], rules: Sequence[str], alertmanager: str) -> dict[str, Any]:
    """prometheus.yml where every process has an address of its own. services: inventory names and their addresses."""

    def job(name: str, targets: Mapping[str, str], **more: str) -> dict[str, Any]:
        rows = [{"targets": [address], "labels": {"service": service}} for service, address in targets.items()]
        return {"job_name": name, **more, "static_configs": rows}

    actors = {row.name for row in ACTORS}
    serving = {"model_server": services["model_server"]}
    return {
        "global": {"scrape_interval": "10s", "scrape_timeout": "10s", "evaluation_interval": "10s"},
        "rule_files": list(rules),
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            job("wayfare", {name: at for name, at in services.items() if name not in {*actors, *serving}}),
            # The official image of TensorFlow Serving tells on its REST port.
            job("model-server", serving, metrics_path="/monitoring/prometheus/metrics"),
            job("actors", {name: at for name, at in services.items() if name in actors}),
            job("watchers", {"prometheus": "127.0.0.1:9090", "alertmanager": alertmanager}),
        ],
    }


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
