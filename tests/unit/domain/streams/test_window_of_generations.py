"""The live window while a topic's newer generation takes over: nothing is counted twice, and nothing drops out for a while."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.unit.domain.streams.test_window import HERE, MIDDLE, SF, register
from wayfare.domain.streams.panes import PANE_MS, PaneRegister
from wayfare.domain.streams.window import LiveWindow

OLDER, NEWER = "driver-pings", "driver-pings.g2x3"


def cabs(topic: str, partition: int, count: int, pane: int = 100, **other: Any) -> PaneRegister:
    return register("cabs_available", {HERE: count}, pane, partition, topic=topic, **other)


@pytest.fixture
def window() -> LiveWindow:
    window = LiveWindow(SF, {"driver_pings"}, {OLDER: 2, "ride-requests": 4})
    window.update([cabs(OLDER, 0, 5), cabs(OLDER, 1, 4)])
    return window


def test_levels_turn_to_the_newer_generation_at_once_and_only_when_all_of_it_was_heard(window):
    window.update([cabs(NEWER, 0, 3, 101), cabs(NEWER, 2, 3, 101)])
    assert window.level_total("cabs_available") == 9
    assert window.newest_received_at_ms == 100 * PANE_MS
    window.update([cabs(NEWER, 1, 3, 101)])
    assert window.level_total("cabs_available") == 9
    assert window.within("cabs_available", MIDDLE, 5000.0) == pytest.approx(9)
    assert window.newest_received_at_ms == 101 * PANE_MS
    window.update([cabs(NEWER, 1, 7, 102)])
    assert window.level_total("cabs_available") == 13


def test_flows_are_summed_over_both(window):
    started = [
        register("trips_started", {HERE: 2}, 100, 0, closed=True, covers_offset=9),
        register("trips_started", {HERE: 3}, 100, 1, topic=NEWER),
        register("trips_started", {HERE: 4}, 101, 1, topic=NEWER),
    ]
    window.update(started)
    assert window.level_total("trips_started") == 9


def test_a_reader_that_came_later_knows_nothing_of_the_older_one_and_needs_nothing(window):
    later = LiveWindow(SF, {"driver_pings"}, {OLDER: 2, "ride-requests": 4})
    later.update([cabs(NEWER, at, 3) for at in range(2)])
    assert later.newest_received_at_ms is None
    later.update([cabs(NEWER, 2, 3)])
    assert later.newest_received_at_ms == 100 * PANE_MS
    assert later.level_total("cabs_available") == 9


def test_panes_of_either_generation_are_whole_once_all_its_partitions_closed_them(window):
    def closed(topic: str, count: int, pane: int) -> list[PaneRegister]:
        return [
            dataclasses.replace(register(gauge, {HERE: 1}, pane, at, topic=topic), closed=True, covers_offset=5)
            for gauge in ("cabs_available", "trips_started")
            for at in range(count)
        ]

    only = LiveWindow(SF, {"driver_pings"}, {OLDER: 2})
    # The older one's flows of the pane in which it was sealed are closed, its levels never are.
    sealed = [one for one in closed(OLDER, 2, 100) if one.gauge == "trips_started"]
    only.update([*closed(OLDER, 2, 99), *sealed])
    assert only.whole_panes() == {99}
    only.update(closed(NEWER, 3, 100)[:-1])
    assert only.whole_panes() == {99}
    only.update([*closed(NEWER, 3, 100), *closed(NEWER, 3, 101)])
    assert only.whole_panes() == {99, 100, 101}


def test_a_third_generation_takes_over_from_the_second(window):
    window.update([cabs(NEWER, at, 3, 101) for at in range(3)])
    window.update([cabs("driver-pings.g3x4", at, 2, 102) for at in range(4)])
    assert window.level_total("cabs_available") == 8
    window.update([cabs(NEWER, 0, 99, 103)])
    assert window.level_total("cabs_available") == 8
