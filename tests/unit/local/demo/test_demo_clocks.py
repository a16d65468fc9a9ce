"""The demo's clocks never run backwards, whatever is remembered."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from local import cities
from local.demo import clocks
from wayfare.adapters.file_registry import FileRegistry
from wayfare.domain.times import parse_rfc3339

NOON = parse_rfc3339("2026-11-20T12:00:00Z")


def test_live_time_begins_where_the_simulated_history_ends(tmp_path):
    (tmp_path / "_loaded").mkdir()
    (tmp_path / "_loaded" / "sim-simulated.json").write_text(json.dumps({"end_ms": NOON}))
    assert clocks.start_of("sim", tmp_path) == NOON


def test_the_recording_begins_at_its_first_instant(tmp_path):
    assert clocks.start_of("sf", tmp_path) == parse_rfc3339("2008-05-20T07:00:00Z")


@given(times=st.lists(st.integers(1, NOON), min_size=1, max_size=8))
def test_the_newest_time_told_is_the_one_remembered(tmp_path_factory, times):
    memory = clocks.ClockMemory(tmp_path_factory.mktemp("state"))
    for time in times:
        memory.remember("sim", time)
    assert memory.newest("sim") == max(times)


def test_a_registered_city_goes_on_from_the_given_time(tmp_path):
    file = tmp_path / "cities.json"
    clocks.register(file, "sf", city_ms=NOON, wall_ms=1_000_000, speed=60.0)
    city = FileRegistry(file, production=False).now().get("sf")
    assert city.clock.at(1_000_000) == NOON
    assert city.clock.at(1_001_000) == NOON + 60_000
    assert cities.load("sf").clock.is_wall
