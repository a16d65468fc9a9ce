"""An installation of its own: up, killed piece by piece, and gone without a trace."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import psutil
import pytest

from local import ports, reap, servers, supervise
from local.errors import StackFailed
from local.layout import Layout
from local.stack import SERVER_NAMES, Stack

COMMAND = [sys.executable, "-W", "ignore", "-m", "wayfare.cli.main"]
BACK_SECONDS = 150


def wayfare(state: pathlib.Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WAYFARE_STATE": str(state), **variables}
    return subprocess.run(
        [*COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False, cwd="/", timeout=240
    )


def processes(state: pathlib.Path) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in json.loads(wayfare(state, "status", "--json").stdout)["processes"]}


def chosen_ports(state: pathlib.Path) -> dict[str, int]:
    return json.loads(Layout(state).ports_file.read_text())


def nothing_is_left(state: pathlib.Path) -> bool:
    return not reap.marked(state) and not any(ports.answers(port) for port in chosen_ports(state).values())


@pytest.fixture
def state():
    """A short-lived state folder; whatever a failing test leaves running in it is ended."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="wayfare-stack-"))
    yield folder
    reap.end(folder, timeout_seconds=5)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def whole():
    """All servers, started by the command, in a folder whose name has a space."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="wayfare stack-"))
    answer = wayfare(folder, "up", "--no-services")
    assert answer.returncode == 0, answer.stderr
    yield folder
    assert wayfare(folder, "down").returncode == 0
    assert nothing_is_left(folder)
    shutil.rmtree(folder)


def test_status_shows_every_server_healthy_on_loopback_with_its_pid_and_the_city_with_its_clock(whole):
    answer = wayfare(whole, "status", "--json")
    assert answer.returncode == 0, answer.stdout
    report = json.loads(answer.stdout)
    assert report["state_dir"] == str(whole)
    assert [city["id"] for city in report["cities"]] == ["sim"]
    assert report["cities"][0]["clock"]["speed"] == 1.0
    rows = {row["name"]: row for row in report["processes"]}
    for name in SERVER_NAMES:
        assert rows[name]["health"] == "ok"
        assert rows[name]["address"].startswith("127.0.0.1:")
        assert psutil.Process(rows[name]["pid"]).environ()["WAYFARE_PROCESS"] == name


def test_servers_listen_on_loopback_alone(whole):
    listening = {
        connection.laddr.ip
        for process in reap.marked(whole)
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_servers_write_nothing_outside_the_state_folder(whole):
    for process, name in reap.marked(whole).items():
        for file in process.open_files():
            writable = file.mode not in {"r", "rb"}
            assert not writable or pathlib.Path(file.path).is_relative_to(whole), f"{name} writes {file.path}"


@pytest.mark.parametrize("name", SERVER_NAMES)
def test_a_killed_server_comes_back_on_its_port(whole, name):
    before = processes(whole)[name]
    os.kill(before["pid"], signal.SIGKILL)
    deadline = time.monotonic() + BACK_SECONDS
    while (after := processes(whole)[name])["health"] != "ok" or after["pid"] == before["pid"]:
        assert time.monotonic() < deadline, after
        time.sleep(0.5)
    assert after["address"] == before["address"]


def test_up_again_leaves_what_runs_alone(whole):
    before = {name: row["pid"] for name, row in processes(whole).items()}
    assert wayfare(whole, "up", "--no-services", WAYFARE_LOG_LEVEL="debug").returncode == 0
    assert {name: row["pid"] for name, row in processes(whole).items()} == before


def test_down_cleans_up_after_a_killed_supervisor_and_up_finds_its_ports_again(state):
    assert wayfare(state, "up", "--only", "redis").returncode == 0
    first = chosen_ports(state)
    os.kill(int(Layout(state).supervisor_pid_file.read_text()), signal.SIGKILL)
    orphan = processes(state)["redis"]
    assert orphan["pid"] is not None
    assert "killed supervisor" in orphan["health"]
    answer = wayfare(state, "down", "--json")
    assert (answer.returncode, json.loads(answer.stdout)) == (0, {"stopped": ["redis"]})
    assert nothing_is_left(state)
    assert wayfare(state, "up", "--only", "redis").returncode == 0
    assert chosen_ports(state) == first
    assert wayfare(state, "down").returncode == 0
    assert nothing_is_left(state)


def test_up_ends_the_orphans_of_a_killed_supervisor_first(state):
    stack = Stack(state)
    stack.start(["redis"])
    orphan = processes(state)["redis"]["pid"]
    os.kill(int(stack.layout.supervisor_pid_file.read_text()), signal.SIGKILL)
    stack.start(["redis"])
    assert not psutil.pid_exists(orphan)
    assert processes(state)["redis"]["health"] == "ok"
    assert stack.stop() == ["redis"]


def test_a_neighbours_installation_is_left_alone(state, tmp_path):
    neighbour = Stack(tmp_path / "deeper" / ("than a socket path may be " * 4) / "neighbour")
    stack = Stack(state)
    stack.start(["redis"])
    neighbour.start(["redis"])
    try:
        os.kill(int(stack.layout.supervisor_pid_file.read_text()), signal.SIGKILL)
        stack.stop()
        assert nothing_is_left(state)
        assert neighbour.status()[1].health == "ok"
    finally:
        neighbour.stop()
    assert not neighbour.layout.supervisor_socket.parent.exists()


def test_a_server_that_cannot_start_is_named_with_the_end_of_its_log(state, tmp_path, monkeypatch):
    shutil.copytree(servers.TEMPLATES, tmp_path / "templates")
    with (tmp_path / "templates" / "redis" / "redis.conf").open("a") as file:
        file.write("no-such-directive yes\n")
    monkeypatch.setattr(servers, "TEMPLATES", tmp_path / "templates")
    stack = Stack(state)
    started = time.monotonic()
    with pytest.raises(StackFailed, match="(?s)redis did not come up.*no-such-directive"):
        stack.start(["redis"])
    assert time.monotonic() - started < 60
    stack.stop()
    assert nothing_is_left(state)


def test_only_one_start_or_stop_at_a_time(state):
    starts = [
        subprocess.Popen([*COMMAND, "up", "--only", "redis"], env={**os.environ, "WAYFARE_STATE": str(state)})
        for _ in range(3)
    ]
    assert [start.wait(60) for start in starts] == [0, 0, 0]
    assert sum(name == "redis" for name in reap.marked(state).values()) == 1
    assert list(supervise.states(Layout(state))).count("redis") == 1
    assert wayfare(state, "down").returncode == 0


def test_down_ignores_a_port_that_somebody_else_took_since(state):
    stack = Stack(state)
    stack.start(["redis"])
    stack.stop()
    with socket.create_server((ports.LOOPBACK, chosen_ports(state)["redis"])):
        assert stack.stop() == []


def test_down_where_nothing_ever_ran_is_fine(tmp_path):
    answer = wayfare(tmp_path / "never", "down")
    assert (answer.returncode, answer.stdout) == (0, "nothing was running\n")


def test_production_refuses_to_make_development_keys(state):
    answer = wayfare(state, "up", "--only", "redis", WAYFARE_ENV="production")
    assert answer.returncode == 1
    assert "refused in production" in answer.stderr
    assert not list(state.rglob("*.pem"))
