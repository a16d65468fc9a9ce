"""A month in which nothing happens that a rider would tell of pages less than once, by the rules of production."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml

from monitoring import burn, rules
from tests.unit.monitoring import month
from tests.unit.monitoring.test_alerts import LOADED, asked

STOOD_ON = {burn.name_of(span) for one in burn.BURNS if one.severity == "page" for span in (one.long_s, one.short_s)}
PAGED = 'group by (alertname) (count_over_time(ALERTS{alertstate="firing",severity="page"}[30d]))'


def paging() -> dict:
    """The rules that page, and what they stand on: a month of the spans of tickets would take minutes."""
    kept = []
    for group in LOADED["groups"]:
        chosen = [
            rule
            for rule in group["rules"]
            if (rule["labels"]["severity"] == "page" if "alert" in rule else rule["record"] in STOOD_ON)
        ]
        kept += [{"name": group["name"], "rules": chosen}] if chosen else []
    return {"groups": kept}


def test_every_page_is_among_them():
    kept = [rule["alert"] for group in paging()["groups"] for rule in group["rules"] if "alert" in rule]
    assert sorted(kept) == sorted(alert.name for alert in rules.every_alert() if alert.severity == "page")


def test_the_rhythm_is_the_city_s():
    by_hour = month.demand().reshape(month.DAYS, 24, 60).mean(axis=(0, 2))
    assert by_hour.argmin() in range(8, 14), "a city in UTC-8 sleeps around noon of UTC"
    assert by_hour.max() > 3 * by_hour.min()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [20_260_101])
def test_a_quiet_month_pages_less_than_once(seed, tmp_path):
    made = month.series(seed)
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(paging()))
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "5m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in made.items()],
                "promql_expr_test": [{"eval_time": f"{month.MINUTES - 1}m", **asked(PAGED)}],
            }
        ],
    }
    (tmp_path / "tests.yaml").write_text(json.dumps(tests))
    done = subprocess.run(
        ["promtool", "test", "rules", "tests.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
