"""Operators see the running city: every panel has data, and City now works by keyboard, on a phone, and without Prometheus."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
import redis
from playwright.sync_api import Page, expect

from local.stack import WATCHER_NAMES
from monitoring.dashboards import written
from tests.e2e.conftest import City
from tests.e2e.operators import DESK, PHONE, browser, values
from wayfare.domain.streams.panes import PANE_MS
from wayfare.runtime.figures import FIGURES

pytestmark = pytest.mark.timeout(900)  # the first test waits for a whole installation, a training included

ON_A_CLUSTER_ONLY = {
    "CPU per pod": "container_cpu_usage_seconds_total comes from the kubelet's cAdvisor",
    "Memory per pod": "container_memory_working_set_bytes comes from the kubelet's cAdvisor",
    "Pods per node": "kubelet_running_pods comes from the kubelet",
}
"""Panels that have nothing to show on one machine without pods, and why."""
JUDGED_WITHIN_SECONDS = 840.0
"""The drift monitor closes five minutes of the city's clock when the next have passed as well."""


@pytest.fixture(scope="module")
def watched(city: City) -> Iterator[City]:
    """The installation under the load of a simulated city, watched by Prometheus."""
    city.stack.start([*WATCHER_NAMES, "city_simulator"])
    yield city
    city.stack.stop_only(["city_simulator"])


@pytest.mark.timeout(1800)  # and for the drift monitor's first judgement
def test_every_panel_of_every_dashboard_has_data(watched):
    url = str(watched.stack.addresses().prometheus_url)
    rows = [asked for text in written.files().values() for asked in written.queries(text)]
    empty = [asked for asked in rows if asked.panel not in ON_A_CLUSTER_ONLY]
    assert len(empty) > 50
    deadline = time.monotonic() + JUDGED_WITHIN_SECONDS
    while empty and time.monotonic() < deadline:
        empty = [asked for asked in empty if not values(url, asked)]
        time.sleep(2.0 if empty else 0.0)
    assert not empty, "\n".join(f"{asked.dashboard} / {asked.panel}: {asked.expr}" for asked in empty)


def test_what_only_a_cluster_has_is_still_not_here(watched):
    url = str(watched.stack.addresses().prometheus_url)
    rows = [asked for text in written.files().values() for asked in written.queries(text)]
    excused = [asked for asked in rows if asked.panel in ON_A_CLUSTER_ONLY]
    assert {asked.panel for asked in excused} == set(ON_A_CLUSTER_ONLY)
    for asked in excused:
        assert not values(url, asked), f"{asked.panel} has data: take it out of ON_A_CLUSTER_ONLY"


def figure(page: Page, name: str):
    return page.locator(f'.figure[data-name="{name}"]')


def sign_in_by_keyboard(page: Page, city: City, subject: str) -> None:
    page.goto(str(city.stack.addresses().console_url))
    expect(page.locator("#token")).to_be_focused()
    page.keyboard.insert_text(city.token("operator", subject)["Authorization"].removeprefix("Bearer "))
    page.keyboard.press("Enter")
    expect(page.locator("#city-now")).to_be_visible()


def wayfare(watched: City, *words: str) -> tuple[int, dict]:
    """A command as an operator types it, with --json."""
    done = subprocess.run(
        [sys.executable, "-m", "wayfare.cli.main", *words, "--json"],
        env=os.environ | {"WAYFARE_STATE": str(watched.stack.layout.state)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_live_window_is_shown_and_proven_and_a_wrong_bit_is_found(watched):
    _, shown = wayfare(watched, "window", "show")
    assert shown["gauges"]["cabs_available"] > 0
    status, proof = wayfare(watched, "window", "verify")
    assert (status, proof["differences"]) == (0, {})
    assert proof["registers"] > 100
    client = redis.Redis.from_url(watched.stack.addresses().redis_url)
    # A pane that has closed is not written again.
    pane = f"wf:{{sim}}:pane:{watched.now_ms() // PANE_MS - 2}"
    field, held = next(iter(client.hgetall(pane).items()))
    client.hset(pane, field, held[:-1] + bytes([held[-1] ^ 1]))
    try:
        status, proof = wayfare(watched, "window", "verify")
    finally:
        client.hset(pane, field, held)
        client.close()
    assert status == 1
    assert [key.split("|")[1:4] for key in proof["differences"]] == [field.decode().split("|")]


def test_an_operator_signs_in_by_keyboard_alone_and_sees_the_map_and_the_figures(watched):
    with browser(DESK) as (page, complaints):
        sign_in_by_keyboard(page, watched, "op-1")
        expect(page.locator("#map .tile").first).to_be_visible()
        expect(page.locator("#map-age")).to_have_text("live")
        for row in FIGURES:
            expect(figure(page, row.name).locator(".value")).not_to_have_text("unknown")
        expect(figure(page, "cabs_available").locator(".value")).to_have_text(re.compile(r"^[\d,]+$"))
        # On to the map, and over its cells.
        page.locator("#map").focus()
        page.keyboard.press("Home")
        expect(page.locator("#map-cell")).to_have_text(re.compile(r"^Cell [0-3]{16}: × \d\.\d\d, \d+ cabs"))
        page.keyboard.press("ArrowDown")
        expect(page.locator("#map-cell")).to_have_text(re.compile("^Cell "))
        # No script can read the session, and the page keeps no token.
        assert page.evaluate("document.cookie") == ""
        assert page.evaluate("[...Object.values(localStorage), ...Object.values(sessionStorage)].length") == 0
        assert "eyJ" not in page.content()
        cookie = page.context.cookies()[0]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        # A reload goes on with the session; signing out ends it.
        page.reload()
        expect(page.locator("#map .tile").first).to_be_visible()
        page.locator("#sign-out").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#sign-in")).to_be_visible()
        assert page.context.cookies() == []
    # Before there is a session the page asks whether there is one, and is told no.
    assert [line for line in complaints if "401" not in line] == []


def test_city_now_fits_a_phone(watched):
    with browser(PHONE) as (page, _):
        sign_in_by_keyboard(page, watched, "op-2")
        expect(page.locator("#map .tile").first).to_be_visible()
        wide = page.evaluate(
            "[...document.querySelectorAll('body *')].filter((one) => !one.closest('svg, .scroll, .skip')"
            " && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 80))"
        )
        assert wide == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        for name in ("#city", "#sign-out"):
            box = page.locator(name).bounding_box()
            assert box is not None
            assert box["height"] >= 44, "a finger must find it"


def test_without_prometheus_every_figure_says_unknown_and_the_map_goes_on(watched):
    with browser(DESK) as (page, _):
        sign_in_by_keyboard(page, watched, "op-3")
        expect(figure(page, "cabs_available").locator(".value")).to_have_text(re.compile(r"^[\d,]+$"))
        watched.stack.stop_only(["prometheus"])
        try:
            for row in FIGURES:
                expect(figure(page, row.name)).to_have_class("figure unknown")
                expect(figure(page, row.name).locator(".value")).to_have_text("unknown")
            expect(page.locator("#alerts")).to_contain_text("Unknown whether more fires")
            expect(page.locator("#state")).to_contain_text(f"{len(FIGURES)} of {len(FIGURES)} figures unknown")
            expect(page.locator("#map-age")).to_have_text("live")
        finally:
            watched.stack.start(["prometheus"])
        expect(figure(page, "cabs_available").locator(".value")).to_have_text(re.compile(r"^[\d,]+$"))


def test_without_the_console_the_page_marks_what_it_shows(watched):
    with browser(DESK) as (page, _):
        sign_in_by_keyboard(page, watched, "op-4")
        expect(figure(page, "cabs_available").locator(".value")).to_have_text(re.compile(r"^[\d,]+$"))
        page.context.set_offline(True)
        expect(figure(page, "cabs_available")).to_have_class("figure stale")
        expect(page.locator("#state")).to_have_class("banner stale")
        expect(page.locator("#state")).to_contain_text("No answer for")
        expect(figure(page, "cabs_available").locator(".value")).to_have_text("unknown", timeout=90_000)
        page.context.set_offline(False)
        expect(figure(page, "cabs_available")).to_have_class("figure known")


def test_a_rider_cannot_sign_in(watched):
    url = str(watched.stack.addresses().console_url)
    with httpx.Client(base_url=url) as client:
        assert client.post("/v1/session", headers=watched.token("rider", "r-1")).status_code == 403
        assert client.get("/v1/city-now?city=sim").status_code == 401
