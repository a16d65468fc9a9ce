"""The dashboards as the files that Grafana reads: in the chart for clusters, mounted by compose on one machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from monitoring.dashboards import capacity, city_now, model, serving, streams

ALL = (city_now, serving, streams, model, capacity)


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of one panel."""

    dashboard: str
    panel: str
    expr: str


def files() -> dict[str, str]:
    """Name of each file under `dashboards/` and its text: the same text for the same code."""
    built = [module.build().build() for module in ALL]
    encoder = JSONEncoder(indent=1, sort_keys=True, ensure_ascii=False)
    texts: dict[str, str] = {}
    for one in built:
        for number, panel in enumerate(one.panels, 1):
            panel.id_val = number
        texts[f"{one.uid}.json"] = encoder.encode(one) + "\n"
    return texts


def queries(text: str) -> Iterator[Asked]:
    """Every query of a dashboard's file, variables still in it."""
    dashboard: dict[str, Any] = json.loads(text)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield Asked(dashboard["title"], panel["title"], target["expr"])
