"""What holds of every dashboard and every panel, read from the files that Grafana gets."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from monitoring import rules, slos
from monitoring.dashboards import limits, written
from monitoring.dashboards.parts import Limits
from monitoring.rule import RUNBOOKS
from wayfare.runtime.figures import FIGURES, one_of

ROOT = pathlib.Path(__file__).parents[4]
DASHBOARDS = {name: json.loads(text) for name, text in written.files().items()}
PANELS = [(name, panel) for name, one in DASHBOARDS.items() for panel in one["panels"]]
BUILT_IN = {"__all", "__rate_interval"}
each = pytest.mark.parametrize(
    ("name", "panel"), PANELS, ids=lambda value: value if isinstance(value, str) else value["title"]
)


def variables(dashboard):
    return {row["name"]: row for row in dashboard["templating"]["list"]}


@each
def test_a_panel_says_what_it_shows_in_which_unit_and_asks_for_something(name, panel):
    assert len(panel["description"].split()) >= 2
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["noValue"] == "unknown", "absence must not look like health"
    assert panel["targets"]
    assert all(target["expr"] and target["datasource"]["uid"] == "${source}" for target in panel["targets"])


@each
def test_a_panel_shows_no_zero_when_nobody_looked(name, panel):
    assert not any("vector(" in target["expr"] for target in panel["targets"])


@each
def test_a_panel_with_limits_leads_to_a_runbook_that_an_alert_names(name, panel):
    steps = panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])
    links = [link["url"] for link in panel.get("links", [])]
    if steps:
        assert links, "who sees red must be told what to do"
    known = {alert.name for alert in rules.every_alert()}
    for url in links:
        page = re.fullmatch(r"\$\{runbooks\}/(\w+)\.md", url)
        assert page, url
        assert page[1] in known


@each
def test_a_panel_asks_with_variables_that_the_dashboard_has(name, panel):
    known = set(variables(DASHBOARDS[name])) | BUILT_IN
    for target in panel["targets"]:
        assert set(re.findall(r"\$\{?(\w+)", target["expr"])) <= known


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_lets_choose_its_city_and_looks_at_it(name):
    assert "city" in variables(DASHBOARDS[name])
    assert any('city=~"$city"' in asked.expr for asked in written.queries(written.files()[name]))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_of_a_dashboard_neither_overlap_nor_leave_the_grid(name):
    taken = set()
    for panel in DASHBOARDS[name]["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_ids_by_which_others_link_stay():
    assert {one["uid"] for one in DASHBOARDS.values()} == {
        "wayfare-city-now",
        "wayfare-serving",
        "wayfare-streams",
        "wayfare-model",
        "wayfare-capacity",
    }
    for one in DASHBOARDS.values():
        ids = [panel["id"] for panel in one["panels"]]
        assert len(set(ids)) == len(ids)


def test_the_same_code_writes_the_same_files():
    assert written.files() == written.files()


def test_the_files_of_the_chart_are_those_of_the_code():
    folder = ROOT / "charts/wayfare/files/monitoring/dashboards"
    assert {path.name: path.read_text() for path in folder.iterdir()} == written.files(), "run make docs"


def test_limits_are_those_of_the_objectives():
    by_title = {panel["title"]: panel for _, panel in PANELS}

    def red(title):
        steps = by_title[title]["fieldConfig"]["defaults"]["thresholds"]["steps"]
        return next(step["value"] for step in steps if step["color"] == "red")

    budgets = {objective.name: objective.budget for objective in slos.OBJECTIVES}
    assert red("Quotes failed") == budgets["QuotesFail"]
    assert red("Quote latency, p99") == red("Latency by route, p99") == slos.FAST_SECONDS
    assert red("From an event to a price that knows it") == slos.FRESH_SECONDS


def test_city_now_shows_every_figure_of_the_console():
    titles = {panel["title"]: panel for panel in DASHBOARDS["wayfare-city-now.json"]["panels"]}
    for figure in FIGURES:
        assert titles[figure.title]["targets"][0]["expr"] == figure.of("$city")
    assert set(limits.OF_FIGURES) <= {figure.name for figure in FIGURES}


def test_a_low_limit_is_red_below():
    steps = Limits(0.5, warn=0.8, low=True).builder().build().steps
    assert [(step.value, step.color) for step in steps] == [(None, "red"), (0.5, "yellow"), (0.8, "green")]


def test_prices_have_a_default_and_a_source():
    prices = variables(DASHBOARDS["wayfare-capacity.json"])
    for name in ("core_hour", "gib_hour"):
        assert float(prices[name]["query"]) > 0
        assert "list price" in prices[name]["description"]


def test_runbooks_are_looked_for_where_the_chart_puts_its_own_address():
    for name, text in written.files().items():
        assert text.count(f'"{RUNBOOKS}"') == 1, name


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool comes with Prometheus")
def test_prometheus_can_read_every_query(tmp_path):
    given = {"$city": "sim", "$core_hour": "1", "$gib_hour": "1"}
    rows = []
    for text in written.files().values():
        for asked in written.queries(text):
            expr = asked.expr
            for variable, value in given.items():
                expr = expr.replace(variable, value)
            rows.append({"record": f"asked:{len(rows)}", "expr": expr})
    file = tmp_path / "asked.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": rows}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rows)} rules found" in done.stdout


def test_a_point_in_a_city_id_stands_for_itself_in_a_query():
    assert one_of(["new.york", "sf"]) == r"new\\.york|sf"
