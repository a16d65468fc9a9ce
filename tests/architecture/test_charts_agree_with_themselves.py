"""What two files of the charts say about the same thing is the same."""

from __future__ import annotations

import json
import pathlib

import pytest
import yaml

CHARTS = pathlib.Path(__file__).parents[2] / "charts"
CHART = yaml.safe_load((CHARTS / "wayfare/Chart.yaml").read_text())
VALUES = yaml.safe_load((CHARTS / "wayfare/values.yaml").read_text())
SCHEMA = json.loads((CHARTS / "wayfare/values.schema.json").read_text())
SERVICE_SCHEMA = json.loads((CHARTS / "service/values.schema.json").read_text())
ALIASES = {row["alias"] for row in CHART["dependencies"]}


def test_every_alias_has_values_and_a_key_in_the_schema_and_can_be_left_out():
    assert {key for key, values in VALUES.items() if "talksTo" in values} == ALIASES
    assert set(SCHEMA["properties"]) == set(VALUES)
    assert {row["condition"] for row in CHART["dependencies"]} == {f"{alias}.enabled" for alias in ALIASES}
    assert all("enabled" in VALUES[alias] for alias in ALIASES)


def test_a_container_of_a_job_takes_the_same_keys_as_one_of_a_service():
    assert SCHEMA["$defs"]["container"] == SERVICE_SCHEMA["$defs"]["container"]
    own = SERVICE_SCHEMA["properties"]
    assert {key: own[key] for key in SERVICE_SCHEMA["$defs"]["container"]["properties"]} == SERVICE_SCHEMA["$defs"][
        "container"
    ]["properties"]


def test_every_key_of_the_values_is_in_the_schema_and_the_other_way_round():
    values = yaml.safe_load((CHARTS / "service/values.yaml").read_text())
    assert set(SERVICE_SCHEMA["properties"]) == {*values, "global"}
    assert set(SERVICE_SCHEMA["properties"]["global"]["properties"]) == set(VALUES["global"])
    for name, part in SERVICE_SCHEMA["properties"]["global"]["properties"].items():
        if isinstance(VALUES["global"][name], dict) and "properties" in part:
            assert set(part["properties"]) == set(VALUES["global"][name]), name


@pytest.mark.parametrize("path", sorted(CHARTS.glob("*/values.schema.json")), ids=lambda path: path.parent.name)
def test_no_object_of_a_schema_is_open_unless_kubernetes_checks_it(path):
    open_on_purpose = {
        "affinity", "podSelector", "namespaceSelector", "startup", "readiness", "liveness", "scaleUp", "scaleDown",
        "tolerations", "clock", "global", *ALIASES,
    }  # fmt: skip

    def walk(node, name):
        if isinstance(node, dict):
            if node.get("type") == "object" and "additionalProperties" not in node:
                assert name in open_on_purpose, f"{name} takes any key"
            for key, value in node.items():
                walk(value, name if key in ("items", "additionalProperties") else key)

    walk(json.loads(path.read_text()), "")


def test_all_charts_have_one_version():
    charts = [yaml.safe_load(path.read_text()) for path in sorted(CHARTS.glob("*/Chart.yaml"))]
    assert len(charts) == 3
    assert len({chart["version"] for chart in charts}) == 1
    assert {row["version"] for row in CHART["dependencies"]} == {CHART["version"]}
    assert {chart["kubeVersion"] for chart in charts} == {">=1.30.0-0"}
