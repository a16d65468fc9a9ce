"""What is generated is what the code says, Prometheus takes it, and one factor scales every window."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from monitoring import generate, rules
from monitoring.rule import Windows

SPAN = re.compile(r"\[(\d+(?:ms|s|m|h|d))\]|offset (\d+(?:ms|s|m|h|d))")
MILLIS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@pytest.mark.parametrize(("path", "text"), list(generate.files()), ids=lambda value: str(value)[:60])
def test_what_is_generated_is_up_to_date(path, text):
    assert (generate.ROOT / path).read_text() == text, "run make docs"


@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_prometheus_takes_the_rules(scale, tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump(rules.groups(scale, services=rules.WATCHED)))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def spans(scale: float) -> list[list[float]]:
    def millis(text: str) -> float:
        number, unit = re.fullmatch(r"(\d+)([a-z]+)", text).groups()
        return int(number) * MILLIS[unit]

    return [
        [millis(one or other) for one, other in SPAN.findall(rule["expr"])] + [millis(rule.get("for", "0s"))]
        for group in rules.groups(scale, services=rules.WATCHED)["groups"]
        for rule in group["rules"]
    ]


def test_one_factor_divides_every_window_and_every_wait():
    wall = [rule.least_s for rule in rules.every_alert() if rule.least_s]
    for whole, scaled in zip(spans(1.0), spans(60.0), strict=True):
        if scaled[-1] / 1000 in wall:
            scaled[-1] = whole[-1] / 60
        assert [span / 60 for span in whole] == pytest.approx(scaled, abs=1)


def test_every_alert_says_how_grave_it_is_what_it_means_and_where_help_is():
    for group in rules.groups(runbooks="https://runbooks.example/wayfare")["groups"]:
        for rule in group["rules"]:
            if "alert" in rule:
                assert rule["labels"]["severity"] in ("page", "ticket")
                assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
                assert rule["annotations"]["runbook_url"] == f"https://runbooks.example/wayfare/{rule['alert']}.md"


def test_the_shortest_window_holds_four_samples_of_the_scraped_machine():
    from monitoring.scraping import interval_seconds

    for scale in (1.0, 60.0):
        shortest = min(span for listed in spans(scale) for span in listed[:-1])
        assert shortest / 1000 >= 4 * interval_seconds(scale)


def test_a_duration_is_never_nothing():
    assert Windows(1e9).of(1) == "1ms"
