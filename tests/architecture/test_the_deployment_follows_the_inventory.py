"""Compose and chart run the services of the inventory: each from its image, with its module, talking to whom it says."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

import pytest
import yaml

from wayfare.inventory import ACTORS, SERVICES

ROOT = pathlib.Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
# Tags of the compose file's own, which say how files are merged.
STAND_IN = yaml.safe_load(re.sub(r"!(reset|override)", "", (ROOT / "docker/compose/stand-in.yml").read_text()))[
    "services"
]
CHART = yaml.safe_load((ROOT / "charts/wayfare/Chart.yaml").read_text())
VALUES = yaml.safe_load((ROOT / "charts/wayfare/values.yaml").read_text())
PROCESSES = {row.name.replace("_", "-"): row for row in (*SERVICES, *ACTORS)}
NOT_ON_A_CLUSTER = {"replayer"}
"""It replays a file of this machine."""
EACH = pytest.mark.parametrize("name", PROCESSES)


def in_the_chart() -> dict[str, dict[str, Any]]:
    """What the chart runs by name: services of their own, sidecars, and the stand-in of the model server."""
    found = {}
    for alias in (row["alias"] for row in CHART["dependencies"]):
        values = VALUES[alias]
        found[alias] = values | values.get("variants", {}).get("stand-in", {})
        found |= values.get("sidecars", {})
    return found


@EACH
def test_compose_runs_it_from_its_image_with_its_module(name):
    row = PROCESSES[name]
    service = (STAND_IN if row.image == "model-server" else COMPOSE)[name]
    assert re.search(rf"/wayfare/{row.image}:", service["image"]), service["image"]
    assert service["command"][-1] == row.module


@EACH
def test_the_chart_runs_it_from_its_image_with_its_module_and_lets_it_talk_to_whom_it_says(name):
    if name in NOT_ON_A_CLUSTER:
        assert name not in in_the_chart()
        return
    row, values = PROCESSES[name], in_the_chart()[name]
    assert values["image"]["name"] == row.image
    assert values["module"] == row.module
    assert sorted(values["talksTo"]) == sorted(other.replace("_", "-") for other in row.talks_to)


def test_the_chart_runs_nothing_else_and_takes_values_for_each():
    assert set(in_the_chart()) == set(PROCESSES) - NOT_ON_A_CLUSTER
    schema = json.loads((ROOT / "charts/wayfare/values.schema.json").read_text())
    assert {row["alias"] for row in CHART["dependencies"]} <= set(schema["properties"])


def test_prometheus_of_compose_watches_every_service():
    jobs = yaml.safe_load((ROOT / "docker/compose/prometheus.yml").read_text())["scrape_configs"]
    watched = {target.partition(":")[0] for job in jobs for one in job["static_configs"] for target in one["targets"]}
    assert {row.name.replace("_", "-") for row in SERVICES} <= watched
