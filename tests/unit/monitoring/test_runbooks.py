"""Every alert has its page and every page its alert; what a page tells to type exists."""

from __future__ import annotations

import pathlib
import re

import pytest
import yaml

from monitoring import rules
from wayfare.cli.main import group
from wayfare.runtime import metrics

ROOT = pathlib.Path(__file__).parents[3]
PAGES = {path.stem: path.read_text() for path in (ROOT / "docs" / "runbooks").glob("*.md")}
SECTIONS = (
    "What is felt",
    "First look",
    "Likely causes, most likely first",
    "What to do",
    "How to know that it is over",
)
CHART = yaml.safe_load((ROOT / "charts/wayfare/Chart.yaml").read_text())
EACH = pytest.mark.parametrize("name", PAGES)


def test_every_alert_has_its_page_and_every_page_its_alert():
    assert {alert.name for alert in rules.every_alert()} == PAGES.keys()


@EACH
def test_a_page_has_its_sections_in_order_and_commands_for_both_places(name):
    text = PAGES[name]
    assert text.startswith(f"# {name}\n")
    assert tuple(re.findall(r"^## (.*)$", text, flags=re.MULTILINE)) == SECTIONS
    assert re.findall(r"^On (a cluster|one machine)", text, flags=re.MULTILINE) == ["a cluster", "one machine"]
    assert len(re.findall(r"^```sh\n(?:.+\n)+```$", text, flags=re.MULTILINE)) == 2
    assert len(text.splitlines()) <= 60, "a person half asleep reads one screen"


@EACH
def test_the_commands_of_a_page_exist(name):
    for command in re.findall(r"(?:^|[`(;&|] ?|&& )wayfare ([a-z-]+)", PAGES[name], flags=re.MULTILINE):
        assert command in group.list_commands(None), command
    deployments = {row["alias"] for row in CHART["dependencies"]} | {"SERVICE", "drift-monitor"}
    for deployment in re.findall(r"deployment/wayfare-([a-zA-Z-]+)", PAGES[name]):
        assert deployment in deployments, deployment


@EACH
def test_the_metrics_and_alerts_that_a_page_names_exist(name):
    known = {value._name for value in vars(metrics).values() if hasattr(value, "_labelnames")}
    for metric in re.findall(r"`(wayfare_[a-z_]+)[`{]", PAGES[name]):
        assert metric.removesuffix("_total") in known or metric.startswith("wayfare_drift_"), metric
    alerts = {alert.name for alert in rules.every_alert()}
    for other in re.findall(r"\b(?:[A-Z][a-z]+){2,}\b", PAGES[name]):
        assert other in alerts | {"ServiceMonitor", "PodMonitor"}, other
