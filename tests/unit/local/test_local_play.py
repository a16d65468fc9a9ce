"""Playing a city against running services: the clock goes on, one actor at a time, a clean end."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import pytest

from local import keys
from local.cities import load
from local.layout import Layout
from local.play import Play, run, set_clock
from local.stack import ProcessStatus, Stack, StackFailed
from wayfare.adapters.file_registry import FileRegistry, write_cities
from wayfare.domain.city import CityClock
from wayfare.domain.times import parse_rfc3339
from wayfare.runtime.clock import wall_ms

SIM_MS = parse_rfc3339("2026-03-07T01:30:00Z")
PLAY = Play("city_simulator", "sim", None, 1.0, {})


class RunningStack(Stack):
    """An installation that says that these processes run, and where; nothing answers there."""

    running: tuple[str, ...] = ("kafka", "events_api", "pricing_api")

    def status(self) -> list[ProcessStatus]:
        return [ProcessStatus(name, None, None, 1, "ok") for name in self.running]

    def environment(self) -> dict[str, str]:
        return {
            "WAYFARE_STATE": str(self.layout.state),
            "WAYFARE_CITIES_FILE": str(self.layout.cities_file),
            "WAYFARE_EVENTS_URL": "http://127.0.0.1:9",
            "WAYFARE_PRICING_URL": "http://127.0.0.1:9",
            "WAYFARE_SERVICE_TOKEN_FILE": str(self.layout.keys / "tokens" / "service.token"),
            "WAYFARE_DRAIN_SECONDS": "1",
        }


@pytest.fixture
def stack(tmp_path: pathlib.Path) -> RunningStack:
    layout = Layout(tmp_path)
    layout.make()
    keys.make_development(layout.keys)
    clock = CityClock(wall_anchor_ms=wall_ms(), city_anchor_ms=SIM_MS, speed=1.0)
    write_cities(layout.cities_file, [dataclasses.replace(load("sim"), clock=clock)])
    return RunningStack(tmp_path)


def clock_of(stack: Stack) -> CityClock:
    return FileRegistry(stack.layout.cities_file, production=False).now().get("sim").clock


def test_a_clock_that_runs_is_left_alone(stack: RunningStack) -> None:
    before = clock_of(stack)
    assert set_clock(stack, PLAY) == 1.0
    assert clock_of(stack) == before


def test_another_speed_goes_on_from_the_citys_now(stack: RunningStack) -> None:
    before = clock_of(stack)
    assert set_clock(stack, dataclasses.replace(PLAY, speed=30.0)) == 30.0
    after = clock_of(stack)
    assert after.speed == 30.0
    now = wall_ms()
    assert abs(after.at(now) - before.at(now)) < 30 * 2_000


def test_a_city_on_wall_time_stays_there_because_the_log_has_ticked_by_it(stack: RunningStack) -> None:
    write_cities(stack.layout.cities_file, [load("sim")])
    assert set_clock(stack, PLAY) == 1.0
    assert clock_of(stack).is_wall
    now = wall_ms()
    set_clock(stack, dataclasses.replace(PLAY, speed=4.0))
    assert clock_of(stack).at(wall_ms()) >= now


def test_without_services_it_says_what_to_type(stack: RunningStack) -> None:
    stack.running = ("kafka",)
    with pytest.raises(StackFailed, match="wayfare up.*got"):
        run(stack, PLAY, 1.0, lambda figures: None)


def test_two_actors_at_once_are_refused(stack: RunningStack) -> None:
    stack.running = (*stack.running, "replayer")
    with pytest.raises(StackFailed, match="already, got.*replayer"):
        run(stack, PLAY, 1.0, lambda figures: None)


def test_an_actor_that_ends_by_itself_is_told_with_the_end_of_its_log(stack: RunningStack) -> None:
    play = dataclasses.replace(PLAY, more={"WAYFARE_PING_SECONDS": "0"})
    with pytest.raises(StackFailed, match="(?s)ended by itself.*WAYFARE_PING_SECONDS"):
        run(stack, play, 60.0, lambda figures: None)


def test_a_run_ends_with_the_last_figures_also_when_nothing_answers(stack: RunningStack) -> None:
    seen: list[dict[str, Any]] = []

    def told(figures: dict[str, Any]) -> None:
        seen.append(figures)
        if figures.get("events_pending"):
            raise KeyboardInterrupt

    play = dataclasses.replace(PLAY, more={"WAYFARE_WARM_UP_HOURS": "0.5"})
    final = run(stack, play, 60.0, told)
    assert final["done"] is True
    assert final["events_sent"] == {}
    assert final["events_pending"] > 0
    assert len(seen) > 1
