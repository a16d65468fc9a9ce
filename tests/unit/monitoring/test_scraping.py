"""What Prometheus of one machine scrapes: every process under its inventory name, often enough for the rules."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from local import environment, watchers
from local.layout import Layout
from local.stack import port_names
from monitoring import scraping
from wayfare.inventory import ACTORS, SERVICES, WATCHERS

PORTS = {name: 20_000 + number for number, name in enumerate(port_names())}


def labels_of(configuration):
    return {
        row["labels"]["service"]: row["targets"]
        for job in configuration["scrape_configs"]
        for row in job["static_configs"]
    }


def test_every_process_is_scraped_under_the_name_of_the_inventory():
    found = labels_of(scraping.configuration(PORTS, "127.0.0.1", []))
    assert set(found) == {row.name for row in (*SERVICES, *ACTORS, *WATCHERS)}
    assert found["ingest"] == [f"127.0.0.1:{PORTS['ingest.admin']}"]
    assert found["prometheus"] == [f"127.0.0.1:{PORTS['prometheus']}"]


def test_actors_are_in_a_job_of_their_own_so_that_one_that_does_not_run_is_no_fault():
    jobs = {job["job_name"]: job for job in scraping.configuration(PORTS, "127.0.0.1", [])["scrape_configs"]}
    assert {row["labels"]["service"] for row in jobs["wayfare"]["static_configs"]} == {row.name for row in SERVICES}


@pytest.mark.parametrize(("scale", "seconds"), [(1, 5.0), (2, 2.5), (60, 1.0)])
def test_scaled_rules_are_fed_more_often_but_never_more_than_once_a_second(scale, seconds):
    assert scraping.interval_seconds(scale) == seconds


@pytest.mark.parametrize("name", [row.name for row in WATCHERS])
def test_a_watcher_listens_on_loopback_alone_and_writes_into_the_state_folder(name, tmp_path):
    layout = Layout(tmp_path / "state with space")
    program = watchers.program(name, layout, PORTS, 1.0)
    assert f"--web.listen-address=127.0.0.1:{PORTS[name]}" in program.command
    assert program.directory == layout.state / name
    addresses = [part for part in program.command if "listen-address" in part and not part.endswith("=")]
    assert addresses == [f"--web.listen-address=127.0.0.1:{PORTS[name]}"]


def test_prometheus_and_alertmanager_accept_what_is_written(tmp_path):
    layout = Layout(tmp_path)
    for name in ("prometheus", "alertmanager"):
        watchers.program(name, layout, PORTS, 60.0)
    prometheus = layout.run / "prometheus" / "prometheus.yml"
    subprocess.run(["promtool", "check", "config", str(prometheus)], check=True, capture_output=True)
    subprocess.run(
        ["amtool", "check-config", str(layout.run / "alertmanager" / "alertmanager.yml")],
        check=True,
        capture_output=True,
    )
    assert yaml.safe_load(prometheus.read_text())["global"]["scrape_interval"] == "1000ms"


def test_prometheus_is_bounded_in_time_and_size(tmp_path):
    command = watchers.program("prometheus", Layout(tmp_path), PORTS, 1.0).command
    assert any(part.startswith("--storage.tsdb.retention.time=") for part in command)
    assert any(part.startswith("--storage.tsdb.retention.size=") for part in command)


def test_processes_are_told_where_prometheus_is(tmp_path):
    told = environment.common(Layout(tmp_path), PORTS, {})
    assert told["WAYFARE_PROMETHEUS_URL"] == f"http://127.0.0.1:{PORTS['prometheus']}"
