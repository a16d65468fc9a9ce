"""Writes what is generated from this folder: the chart's rules, routes and dashboards, and what Prometheus of the compose file scrapes.

`python -m monitoring.generate` writes; `--check` says what is out of date, and writes nothing.
"""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import yaml

from monitoring import routing, rules, scraping
from monitoring.dashboards import written
from wayfare.inventory import ACTORS, SERVICES

ROOT = pathlib.Path(__file__).parents[1]
CHART = pathlib.Path("charts/wayfare/files/monitoring")
COMPOSE = pathlib.Path("docker/compose/prometheus.yml")
HEAD = "# Generated from monitoring/ by `python -m monitoring.generate`; do not edit.\n"


def _text(value: Any) -> str:
    return HEAD + yaml.safe_dump(value, sort_keys=False, width=10_000, allow_unicode=True)


def _compose() -> dict[str, Any]:
    ports = {"model_server": 8501}
    # A replayer needs a recording of this machine, so the compose file has none.
    named = [row.name for row in (*SERVICES, *ACTORS) if row.name != "replayer"]
    addresses = {name: f"{name.replace('_', '-')}:{ports.get(name, 9090)}" for name in named}
    return scraping.of_containers(addresses, ["/etc/prometheus/rules.yaml"], "alertmanager:9093")


def files() -> Iterator[tuple[pathlib.Path, str]]:
    """Each generated file, by its path from the root, and what it should hold."""
    yield CHART / "rules.yaml", _text(rules.groups())
    yield CHART / "alertmanager.yaml", _text(routing.configuration())
    for name, text in written.files().items():
        yield CHART / "dashboards" / name, text
    yield COMPOSE, _text(_compose())


def main(arguments: list[str]) -> int:
    """1 when something is out of date and only checked."""
    stale = []
    for path, text in files():
        file = ROOT / path
        if file.exists() and file.read_text() == text:
            continue
        if arguments == ["--check"]:
            stale.append(path)
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        print(path)
    for path in stale:
        print(f"{path} is out of date: run make docs", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
