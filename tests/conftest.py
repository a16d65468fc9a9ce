"""Fixtures that several suites share: the real servers, started once, and the folder of public data."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import tempfile
from collections.abc import Iterator

import hypothesis
import pytest

from local.stack import SERVER_NAMES, Addresses, Stack

# How long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile("wayfare", deadline=None)
hypothesis.settings.load_profile("wayfare")

ROOT = pathlib.Path(__file__).parents[1]

# One process runs tests of gRPC and of Spark, and Spark forks to start Java: gRPC's handlers around a fork break that child.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")


def pytest_configure() -> None:
    """Whoever ends a run by SIGTERM, as `timeout` and CI do, gets its servers ended too, as by Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that uses the servers is marked so, for `-m servers` and `-m "not servers"`."""
    for item in items:
        if "servers" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.servers)


SETTINGS = {name: value for name, value in os.environ.items() if name.startswith("WAYFARE_")}


@pytest.fixture(autouse=True)
def no_settings_of_earlier_tests() -> None:
    """A setting that a test left in the environment would be read by every process and twin of the tests after it."""
    now = {name: value for name, value in os.environ.items() if name.startswith("WAYFARE_")}
    assert now == SETTINGS, "an earlier test, or a fixture that still lives, changed this process's environment"


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[Addresses]:
    """Kafka, Redis and Cassandra with the inventory's topics and tables, started once for the whole run.

    $WAYFARE_TEST_SERVERS names a JSON file with the addresses of running ones to use instead: kafka_bootstrap,
    redis_url, cassandra_hosts, state.
    """
    running = os.environ.get("WAYFARE_TEST_SERVERS")
    if running:
        given = json.loads(pathlib.Path(running).read_text())
        yield Addresses(
            state=pathlib.Path(given["state"]),
            kafka_bootstrap=given["kafka_bootstrap"],
            redis_url=given["redis_url"],
            cassandra_hosts=given["cassandra_hosts"],
        )
        return
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(name: str, what: str) -> None:
        if capture is None:
            print(f"servers: {name} {what}", flush=True)
            return
        with capture.global_and_fixture_disabled():
            print(f"servers: {name} {what}", flush=True)

    stack = Stack(pathlib.Path(tempfile.mkdtemp(prefix="wayfare-tests-")))
    try:
        yield stack.start(SERVER_NAMES, say)
    finally:
        stack.stop(say)
    shutil.rmtree(stack.layout.state)


@pytest.fixture(scope="session")
def data_dir() -> pathlib.Path:
    """The folder of public data sets ($WAYFARE_DATA, default ../shared/data); tests skip without it."""
    folder = pathlib.Path(os.environ.get("WAYFARE_DATA", ROOT.parent / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"needs the public data sets: set WAYFARE_DATA to their folder, got {folder}")
    return folder
