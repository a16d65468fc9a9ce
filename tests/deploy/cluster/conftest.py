"""One installation of the charts that all tests of this folder share, in the order of their files.

tests/deploy/cluster/run.sh starts them; without it nothing here is collected, because nothing here is quick or small.

| variable | meaning |
|---|---|
| HELM, HELM4 | the two releases of Helm |
| REGISTRY, TAG | where the cluster finds the images `<REGISTRY>/wayfare/<kind>:<TAG>` |
| STORES_REGISTRY | set: data stores from `<STORES_REGISTRY>/wayfare-standin/...:<TAG>`; empty: the official images |
| STORAGE_CLASS | of volumes that several pods write to; empty: the cluster's default |
| NAMESPACE | where everything is installed; made and removed by the tests |
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.deploy.cluster.installation import Installation
from tests.deploy.cluster.report import Report

if "WAYFARE_TEST_CLUSTER" not in os.environ:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Iterator[Report]:
    """Figures of the run, printed at its end."""
    measured = Report()
    yield measured
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{measured.table()}", flush=True)


@pytest.fixture(scope="session")
def installation(pytestconfig: pytest.Config, report: Report) -> Iterator[Installation]:
    """The charts, installed once by the first test that asks; left to look at when KEEP is set."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n  {line}", end="", flush=True)

    made = Installation.from_environment(os.environ, report, say)
    try:
        yield made
    finally:
        if not os.environ.get("KEEP"):
            made.remove()


@pytest.fixture(autouse=True)
def nothing_goes_on_after_a_failure(request: pytest.FixtureRequest) -> None:
    """The tests follow on each other; once the installation is not what they expect, more failures tell nothing new."""
    if request.session.testsfailed and not os.environ.get("GO_ON"):
        pytest.skip("a test before this one failed, and it left its installation behind; GO_ON=1 tries all the same")
