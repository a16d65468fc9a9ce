"""The figures that a demo shows: the actor's own statistics and what the front end exports to Prometheus."""

from __future__ import annotations

import json
import pathlib
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_SECONDS = 2.0


@dataclass(slots=True)
class Figures:
    """One moment of the demo; None where it is not known."""

    actor: dict[str, Any] = field(default_factory=dict)
    cabs_available: float | None = None
    requests_waiting: float | None = None
    window_age_s: float | None = None
    model_version: int | None = None


def actor_statistics(state: pathlib.Path) -> dict[str, Any]:
    """What the simulator or replayer last wrote; empty before its first second."""
    file = state / "run" / "simulator.json"
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def samples(admin_address: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """The metrics of a process by name and labels; empty when it does not answer."""
    try:
        request = urllib.request.Request(f"{admin_address}/metrics", headers={"Accept": "text/plain"})
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError):
        return {}
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.replace("# EOF\n", ""))
        for sample in family.samples
    }


def now(state: pathlib.Path, pricing_admin: str, city: str) -> Figures:
    """The figures of this moment."""
    found = samples(pricing_admin)
    of_city = (("city", city),)
    versions = [value for (name, _), value in found.items() if name == "wayfare_model_version"]
    return Figures(
        actor=actor_statistics(state),
        cabs_available=found.get(("wayfare_cabs_available", of_city)),
        requests_waiting=found.get(("wayfare_requests_waiting", of_city)),
        window_age_s=found.get(("wayfare_window_age_seconds", of_city)),
        model_version=round(max(versions)) if versions else None,
    )
