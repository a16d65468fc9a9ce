"""Every service, started from its image as in production: read-only, unprivileged, and here without any network."""

from __future__ import annotations

import json
import time
import uuid

import pytest

from tests.deploy.images.conftest import Engine, built
from wayfare.inventory import ACTORS, SERVICES, Service

NOWHERE = {
    "WAYFARE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
    "WAYFARE_REDIS_URL": "redis://127.0.0.1:1/0",
    "WAYFARE_CASSANDRA_HOSTS": "127.0.0.1:1",
    "WAYFARE_MODEL_SERVER": "127.0.0.1:1",
    "WAYFARE_ARTIFACT_STORE": "file:///artifacts",
    "WAYFARE_EVENTS_URL": "http://127.0.0.1:1",
    "WAYFARE_PRICING_URL": "http://127.0.0.1:1",
    "WAYFARE_PROMETHEUS_URL": "http://127.0.0.1:1",
    "WAYFARE_SERVICE_TOKEN_FILE": "/etc/wayfare/keys/tokens/service.token",
    "WAYFARE_DRAIN_SECONDS": "5",
}
STOP_SECONDS = 60.0
ALONE = ("publisher", "model_server", "console")
"""What is ready without anybody: an empty store of artifacts, an empty folder of models, telling who is silent."""
by_name = pytest.mark.parametrize("service", [*SERVICES, ACTORS[0]], ids=lambda service: service.name)


@pytest.fixture(scope="module")
def told(engine: Engine):
    """Options that give a container addresses where nobody answers, and keys and cities that the front image made."""
    built(engine, "front")
    volume = f"wayfare-test-{uuid.uuid4().hex[:12]}"
    engine("volume", "create", volume)
    make = (
        "wayfare keys init --development /etc/wayfare/keys && mkdir -p /etc/wayfare/cities && python -c "
        "\"import pathlib; from local import cities; cities.write_default(pathlib.Path('/etc/wayfare/cities/cities.json'))\""
    )
    engine.run("front", "sh", "-c", make, options=("--volume", f"{volume}:/etc/wayfare"))
    variables = [f"--env={name}={value}" for name, value in NOWHERE.items()]
    yield (*variables, f"--volume={volume}:/etc/wayfare:ro", "--volume=/models", "--volume=/lake")
    for container in engine.started:
        engine("rm", "--force", "--volumes", container, check=False)
    engine("volume", "rm", "--force", volume, check=False)


def command_of(service: Service) -> tuple[str, str, str]:
    return "python", "-m", service.module


@by_name
def test_a_service_lives_without_its_stores_says_why_it_is_not_ready_and_stops_when_asked(engine, told, service):
    built(engine, service.image)
    container = engine.start(service.image, *command_of(service), options=told)
    assert json.loads(engine.wait(container, "/healthz", 200)) == {"status": "ok"}
    if service.name in ALONE:
        engine.wait(container, "/readyz", 200)
    else:
        assert json.loads(engine.wait(container, "/readyz", 503))["reasons"]
    assert "wayfare_" in engine.ask(container, "/metrics")[1]
    began = time.monotonic()
    engine("stop", "--time", str(int(STOP_SECONDS)), container, seconds=STOP_SECONDS + 20)
    took = time.monotonic() - began
    logs = engine("logs", container)
    said = (logs.stdout + logs.stderr)[-1500:]
    state = json.loads(engine("inspect", container).stdout)[0]["State"]
    assert state["ExitCode"] == 0, said
    assert not state["OOMKilled"]
    assert took < STOP_SECONDS, f"{service.name} was killed after {took:.1f} s\n{said}"
    assert not [line for line in said.split("\n") if line.startswith("Traceback")], said


@by_name
def test_settings_that_cannot_be_used_are_all_told_and_end_the_process(engine, service):
    built(engine, service.image)
    wrong = ("--env=WAYFARE_ADMIN_PORT=many", "--env=WAYFARE_LOG_LEVEL=loud")
    done = engine.run(service.image, *command_of(service), options=wrong, check=False)
    assert done.returncode == 1
    assert "WAYFARE_ADMIN_PORT" in done.stderr
    assert "'many'" in done.stderr
    assert "WAYFARE_LOG_LEVEL" in done.stderr
    assert "'loud'" in done.stderr


@pytest.mark.parametrize("kind", ["front", "stream", "spark", "trainer"])
def test_the_command_line_lists_what_its_image_can_run(engine, kind):
    built(engine, kind)
    done = engine.run(kind, "wayfare", "--help")
    assert "publish" in done.stdout.split()
    assert "keys" in done.stdout.split()


def test_a_process_is_nobody_and_can_write_nowhere_but_in_its_mounts(engine, kind):
    try_it = (
        "import os, pathlib\n"
        "assert (os.getuid(), os.getgid(), os.getgroups()) == (10001, 10001, [10001]), (os.getuid(), os.getgroups())\n"
        "assert 'CapEff:\\t0000000000000000' in pathlib.Path('/proc/self/status').read_text()\n"
        "for folder in ('/', '/etc', '/opt/wayfare', '/usr/local', '/lake', '/models', '/var/log'):\n"
        "    try: pathlib.Path(folder, 'x').write_text('x')\n"
        "    except OSError: continue\n"
        "    raise SystemExit(f'wrote into {folder}')\n"
        "pathlib.Path('/tmp/x').write_text('x'); pathlib.Path('/var/lib/wayfare/x').write_text('x')\n"
    )
    engine.run(kind, "python", "-c", try_it)


# A child starts a child of its own and ends: whoever is process 1 inherits it, and must take its exit status.
_ORPHAN = """
import pathlib, subprocess, sys, time
subprocess.run(["sh", "-c", "sleep 0.3 & exit"], check=True)
time.sleep(1.5)
states = {p.parent.name: p.read_text().rpartition(")")[2].split()[0] for p in pathlib.Path("/proc").glob("[0-9]*/stat")}
assert "Z" not in states.values(), states
"""


@pytest.mark.parametrize("kind", ["front", "stream", "spark", "trainer"])
def test_an_orphan_is_reaped_by_the_init(engine, kind):
    built(engine, kind)
    assert engine.run(kind, "python", "-c", _ORPHAN, check=False).returncode == 0


def test_without_an_init_that_orphan_stays(engine):
    """The test above can fail: with Python as process 1 the dead child is still there."""
    built(engine, "front")
    done = engine.run("front", "-c", _ORPHAN, options=("--entrypoint=python",), check=False)
    assert "AssertionError" in done.stderr
