"""Real faults on a real installation, watched by the real Prometheus and Alertmanager: each pages by the alert that says
what is felt, its ticket names the cause, its runbook exists, and nothing else pages."""

from __future__ import annotations

import contextlib
import pathlib
import urllib.parse
from collections.abc import Iterator

import psutil
import pytest

from tests.e2e.conftest import DOWNTOWN, FERRY_BUILDING, City
from tests.e2e.watching import OnCall, Riders, watched

MOST_SECONDS = 120.0
"""A page that takes longer never comes; how long it takes is measured by the bench."""


@pytest.fixture(scope="module")
def on_call(city: City) -> Iterator[OnCall]:
    found = watched(city.stack)
    riders = Riders(
        str(city.pricing.base_url), city.token("rider", "r-9"), {"pickup": DOWNTOWN, "dropoff": FERRY_BUILDING}
    )
    with riders.asking():
        # Until the shorter windows know nothing of what was before.
        found.quiet(30.0, 300.0)
        yield found


@contextlib.contextmanager
def stopped(city: City, name: str) -> Iterator[None]:
    city.stack.stop_only([name])
    try:
        yield
    finally:
        city.stack.start([name])


@contextlib.contextmanager
def frozen(city: City, name: str) -> Iterator[None]:
    process = psutil.Process(next(row.pid for row in city.stack.status() if row.name == name))
    process.suspend()
    try:
        yield
    finally:
        process.resume()


FAULTS = {
    "the model server is killed": (stopped, "model_server", "QuotesDegraded", "ServiceDown"),
    "redis is stopped": (stopped, "redis", "WindowStale", "DependencyAway"),
    "a consumer is frozen": (frozen, "ingest", "WindowStale", "ServiceDown"),
}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_pages_once_with_its_runbook(city, on_call, fault):
    do, what, expected, cause = FAULTS[fault]
    with do(city, what):
        alert, pages, tickets, _seconds = on_call.pages_of(expected, MOST_SECONDS)
    assert pages == {expected}
    assert cause in tickets
    runbook = pathlib.Path(urllib.parse.unquote(urllib.parse.urlsplit(alert["annotations"]["runbook_url"]).path))
    assert runbook.read_text().startswith(f"# {expected}\n")
    city.until(city.undegraded, 120, "an undegraded quote after the fault")
    on_call.quiet(10.0, 300.0)
