"""Rendered configurations: nothing is left unfilled, everything is on loopback and under the state folder."""

from __future__ import annotations

import configparser
import re

import pytest

from local import environment, servers, supervise
from local.errors import ServerUnusable
from local.layout import Layout
from local.servers import Program
from wayfare.inventory import SERVERS, SERVICES

PORTS = {
    name: 20_000 + number for number, name in enumerate(sorted({n for names in servers.PORTS.values() for n in names}))
}


@pytest.fixture
def layout(tmp_path):
    made = Layout(tmp_path / "state with space")
    made.make()
    return made


@pytest.mark.parametrize("server", [row.name for row in SERVERS])
def test_every_server_of_the_inventory_renders_whole(server, layout):
    folder = servers.render(server, layout, PORTS, layout.state / "jars")
    text = "\n".join(path.read_text() for path in folder.iterdir())
    assert "${" not in text
    for name in servers.PORTS[server]:
        assert re.search(rf"\b{PORTS[name]}\b", text)
    addresses = set(re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text.replace("jamm-0.4.0", "")))
    assert addresses == {"127.0.0.1"}
    assert str(layout.state) in text


def test_java_options_with_a_space_are_quoted_once_however_often_they_are_rendered(layout):
    for _ in range(2):
        folder = servers.render("cassandra", layout, PORTS, layout.state / "jars")
    options = (folder / "jvm.options").read_text().splitlines()
    assert f'"-javaagent:{layout.state}/jars/jamm-0.4.0.jar"' in options
    assert not any(line.startswith('""') for line in options)


def test_cassandra_syncs_its_commit_log_before_it_answers(layout):
    folder = servers.render("cassandra", layout, PORTS, layout.state / "jars")
    assert "commitlog_sync: batch\n" in (folder / "cassandra.yaml").read_text()


def test_a_missing_program_says_what_to_run():
    with pytest.raises(ServerUnusable, match="no-such-program is needed.*local/setup.sh"):
        servers.executable("no-such-program")


def test_supervision_restarts_everything_and_marks_every_process(layout):
    programs = [Program("one", ("/bin/a program", "-x"), layout.state, {"WAYFARE_ADMIN_PORT": "1", "PERCENT": "50%"})]
    marks = environment.common(layout, {"kafka": 9, "redis": 8, "cassandra": 7})
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(supervise.configuration(layout, programs, marks))
    section = parser["program:one"]
    assert section["command"] == '"/bin/a program" -x'
    assert section["autorestart"] == "true"
    assert section["autostart"] == "false"
    assert f'WAYFARE_STATE="{layout.state}"' in section["environment"]
    assert 'WAYFARE_PROCESS="one"' in section["environment"]
    assert 'PERCENT="50%%"' in section["environment"]
    assert section["stdout_logfile"].startswith(str(layout.logs))
    assert int(section["stdout_logfile_backups"]) > 0


def test_each_service_is_told_its_own_ports_and_only_the_publisher_of_its_key(layout):
    chosen = PORTS | {name: 21_000 + number for number, name in enumerate(environment.port_names())}
    told = {row.name: environment.of_service(row, layout, chosen) for row in SERVICES}
    admin = [variables["WAYFARE_ADMIN_PORT"] for variables in told.values()]
    assert len(set(admin)) == len(SERVICES)
    assert {name for name, variables in told.items() if "WAYFARE_PORT" in variables} == {
        row.name for row in SERVICES if row.public
    }
    assert [name for name, variables in told.items() if "WAYFARE_PUBLISHER_KEY_FILE" in variables] == ["publisher"]
    shared = environment.common(layout, chosen)
    assert not any("TRAINER" in name or "PUBLISHER" in name for name in shared)
    assert "WAYFARE_TRAINER_KEY_FILE" in environment.of_operator(layout, chosen)
