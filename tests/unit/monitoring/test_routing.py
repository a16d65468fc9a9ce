"""Alertmanager as amtool reads it: who gets what, what is told together, and what explains what."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from monitoring import routing, rules

NAMES = {alert.name for alert in rules.every_alert()}
PAGING = {alert.name for alert in rules.every_alert() if alert.severity == "page"}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("alertmanager") / "alertmanager.yml"
    path.write_text(yaml.safe_dump(routing.configuration()))
    return path


def amtool(*arguments: str) -> str:
    done = subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_is_accepted_whatever_the_scale(file, tmp_path):
    amtool("check-config", str(file))
    scaled = tmp_path / "scaled.yml"
    scaled.write_text(yaml.safe_dump(routing.configuration(60)))
    amtool("check-config", str(scaled))


@pytest.mark.parametrize(("labels", "receiver"), [
    (("severity=page", "alertname=QuotesFail"), "page"),
    (("severity=ticket", "alertname=QuotesFail"), "ticket"),
    (("alertname=SomethingElse",), "ticket"),
])  # fmt: skip
def test_a_page_wakes_and_everything_else_waits(file, labels, receiver):
    amtool("config", "routes", "test", f"--config.file={file}", f"--verify.receivers={receiver}", *labels)


def test_alerts_of_one_name_and_city_are_told_together():
    routes = routing.configuration()["route"]["routes"]
    assert [route["group_by"] for route in routes] == [["alertname", "city"]] * 2


def test_only_pages_explain_pages_and_every_name_is_an_alert():
    assert set(routing.EXPLAINS) <= PAGING
    assert {name for targets in routing.EXPLAINS.values() for name in targets} <= PAGING


def test_no_two_pages_silence_each_other():
    for source, targets in routing.EXPLAINS.items():
        for target in targets:
            assert source not in routing.EXPLAINS.get(target, ()), (source, target)


def test_waits_are_of_the_day_that_is_watched():
    waits = [route["group_wait"] for route in routing.configuration(60)["route"]["routes"]]
    assert waits == ["500ms", "5s"]
