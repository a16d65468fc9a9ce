"""The live window: merging partitions, levels and flows, missing sources, and the same answers from archived panes."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.adapters.memory_window import MemoryWindow
from wayfare.domain.city import City, Place, Tariff
from wayfare.domain.geo.cells import cell_of_point, center, xy_of_point
from wayfare.domain.geo.cover import cover
from wayfare.domain.streams import sketch
from wayfare.domain.streams.panes import GAUGE_TOPIC, PaneRegister, newest_closed_pane, panes_visible
from wayfare.domain.streams.window import ArchivedWindow, LiveWindow

CORNERS = (Place(37.70, -122.52), Place(37.70, -122.35), Place(37.83, -122.35), Place(37.83, -122.52))
EVERYTHING = frozenset({"driver_pings", "dropoffs", "ride_requests", "waiting"})
SF = City(
    "sf",
    "SF",
    CORNERS,
    Place(37.77, -122.42),
    "America/Los_Angeles",
    "USD",
    "US",
    Tariff(1, 1, 1, 1),
    sources=EVERYTHING,
)
MIDDLE, EDGE, OUTSIDE = Place(37.77, -122.42), Place(37.83, -122.35), Place(38.6, -121.0)
HERE = cell_of_point(*MIDDLE)


def register(gauge: str, counts: dict[int, int], pane: int = 100, partition: int = 0, **other: Any) -> PaneRegister:
    cells = np.array(sorted(counts), np.int64)
    values = {
        "city": "sf", "gauge": gauge, "topic": GAUGE_TOPIC[gauge], "partition": partition, "pane": pane, "covers_offset": 1,
        "log_time_ms": pane * 60_000 + partition, "closed": False, "total": sum(counts.values()), "cells": cells,
        "counts": np.array([counts[c] for c in cells.tolist()], np.uint32),
    }  # fmt: skip
    return PaneRegister(**(values | other))


def test_levels_are_those_of_each_partitions_newest_pane_and_flows_the_sum_of_ten():
    window = LiveWindow(SF)
    window.update([register("cabs_available", {HERE: 9}, pane=99, partition=p) for p in (0, 1)])
    window.update([register("cabs_available", {HERE: 2}, pane=100, partition=1)])
    window.update([register("trips_started", {HERE: 1}, pane=p) for p in range(89, 101)])
    assert window.level_total("cabs_available") == 11
    assert window.within("cabs_available", MIDDLE, 5000.0) == pytest.approx(11)
    assert window.level_total("trips_started") == 10
    assert [part.tolist() for part in window.cells("trips_started")] == [[HERE], [10]]


def test_a_gauge_without_its_source_or_without_any_register_is_missing_not_zero():
    window = LiveWindow(SF, {"driver_pings"})
    window.update([register("cabs_available", {}), register("requests_waiting", {HERE: 3})])
    assert window.within("cabs_available", MIDDLE, 5000.0) == 0.0
    assert window.within("requests_waiting", MIDDLE, 5000.0) is None
    assert window.within("trips_started", MIDDLE, 5000.0) is None
    assert window.level_total("requests_waiting") is None


def test_an_older_copy_changes_nothing_and_the_same_copy_costs_nothing():
    window = LiveWindow(SF)
    newest = [register("cabs_available", {HERE: 5}, covers_offset=7)]
    assert window.update(newest)
    assert not window.update(newest)
    assert not window.update([register("cabs_available", {HERE: 1}, covers_offset=6)])
    assert window.level_total("cabs_available") == 5


def test_the_whole_store_read_again_with_panes_that_left_the_window_is_no_change():
    registers = [register(g, {HERE: 1}, pane=p) for g in ("cabs_available", "trips_started") for p in range(88, 101)]
    window = LiveWindow(SF)
    assert window.update(registers)
    assert not window.update(registers)


def test_its_age_is_that_of_the_slowest_partition_and_unknown_until_all_were_heard():
    window = LiveWindow(SF, {"driver_pings"}, {"driver-pings": 2, "ride-requests": 4})
    assert window.newest_received_at_ms is None
    window.update([register("cabs_available", {}, partition=0, pane=120)])
    assert window.newest_received_at_ms is None
    window.update([register("cabs_available", {}, partition=1, pane=100)])
    assert window.newest_received_at_ms == 100 * 60_000 + 1
    window.update([register("cabs_available", {HERE: 4}, partition=0, pane=140)])
    assert window.newest_received_at_ms == 100 * 60_000 + 1


def test_losing_the_store_keeps_what_was_known():
    window = LiveWindow(SF)
    window.update([register("cabs_available", {HERE: 5})])
    assert not window.update([])
    assert window.level_total("cabs_available") == 5


def test_another_city_and_unknown_gauges_are_ignored():
    window = LiveWindow(SF)
    strange = dataclasses.replace(register("cabs_available", {HERE: 5}), gauge="cabs_seen")
    assert not window.update([register("cabs_available", {HERE: 5}, city="ny"), strange])


def test_a_circle_at_the_edge_sees_what_lies_just_outside_and_one_far_away_sees_nothing():
    outside = cell_of_point(37.85, -122.34)
    window = LiveWindow(SF)
    window.update([register("cabs_available", {outside: 4})])
    assert window.within("cabs_available", EDGE, 5000.0) == pytest.approx(4)
    assert window.within("cabs_available", OUTSIDE, 5000.0) == 0.0


def test_past_the_exact_cells_the_sketch_answers():
    table = sketch.empty()
    sketch.add(table, np.array([HERE]), np.array([6]))
    whole = register("cabs_available", {}, sketch=table, total=6)
    window = LiveWindow(SF)
    window.update([whole])
    assert window.within("cabs_available", MIDDLE, 5000.0) == pytest.approx(6, abs=1.5)


@given(
    st.lists(st.tuples(st.floats(37.70, 37.83), st.floats(-122.52, -122.35), st.integers(1, 9)), max_size=40), st.data()
)
def test_archived_counts_answer_as_the_live_window_and_as_the_cover_says(points, data):
    counts: dict[int, int] = {}
    for lat, lon, number in points:
        counts[cell_of_point(lat, lon)] = counts.get(cell_of_point(lat, lon), 0) + number
    place = Place(data.draw(st.floats(37.70, 37.83)), data.draw(st.floats(-122.52, -122.35)))
    live = LiveWindow(SF)
    live.update([register("cabs_available", counts)])
    cells, numbers = np.array(sorted(counts), np.int64), [counts[c] for c in sorted(counts)]
    expected = live.within("cabs_available", place, 5000.0)
    for city in (SF, None):
        archived = ArchivedWindow.from_counts({"cabs_available": (cells, numbers)}, city)
        assert archived.within("cabs_available", place, 5000.0) == pytest.approx(expected, rel=1e-6, abs=1e-6)
        assert archived.within("requests_waiting", place, 5000.0) is None
    found = cover(*place, 5000.0)
    exact = sum(
        counts[c] * float(found.weights[row, column])
        for c in counts
        for row, column in [_at(found, c)]
        if 0 <= row < found.weights.shape[0] and 0 <= column < found.weights.shape[1]
    )
    # A remembered circle is centred at most a sixteenth of a cell off each way, so no cell's weight moves by more than the
    # strip that this uncovers.
    assert expected == pytest.approx(exact, abs=0.13 * sum(counts.values()) + 1e-6)


def _at(found: Any, cell: int) -> tuple[int, int]:
    lat, lon = center(cell)
    column, row = xy_of_point(lat, lon)
    return row - found.y0, column - found.x0


def test_cells_given_twice_are_added():
    archived = ArchivedWindow.from_counts({"cabs_available": (np.array([HERE, HERE]), [1, 2])}, SF)
    assert archived.within("cabs_available", MIDDLE, 5000.0) == pytest.approx(3)


def test_a_city_without_the_source_has_no_archived_gauge_either():
    poor = dataclasses.replace(SF, sources=frozenset())
    assert (
        ArchivedWindow.from_counts({"cabs_available": (np.array([HERE]), [1])}, poor).within(
            "cabs_available", MIDDLE, 5000.0
        )
        is None
    )


def test_a_question_takes_microseconds():
    window = LiveWindow(SF)
    window.update([register("cabs_available", {HERE: 1})])
    window.within("cabs_available", MIDDLE, 5000.0)
    best = min(_seconds(lambda: window.within("cabs_available", MIDDLE, 5000.0)) for _ in range(300))
    assert best < 20e-6


def _seconds(call: Any) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def test_something_at_a_moment_sees_only_panes_that_had_ended():
    assert newest_closed_pane(120_000) == 1
    assert newest_closed_pane(119_999) == 0
    assert list(panes_visible("cabs_available", 1_230_000)) == [19]
    assert list(panes_visible("trips_started", 1_230_000)) == list(range(10, 20))


def test_a_pane_is_whole_once_every_gauge_and_partition_closed_it():
    sources, partitions = {"ride_requests", "waiting"}, {"ride-requests": 2}
    window = LiveWindow(SF, sources, partitions)
    closed = [
        register(gauge, {HERE: 1}, pane=pane, partition=p, closed=True)
        for pane in (98, 99)
        for gauge in ("requests_waiting", "requests_opened")
        for p in (0, 1)
    ]
    window.update(closed[:-1])
    assert window.whole_panes() == {98}
    window.update([dataclasses.replace(closed[-1], closed=False)])
    assert window.whole_panes() == {98}
    window.update([dataclasses.replace(closed[-1], covers_offset=2)])
    assert window.whole_panes() == {98, 99}
    assert LiveWindow(SF, sources).whole_panes() == frozenset()


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 1), st.integers(0, 5)), max_size=60), st.data())
def test_a_reader_that_leaves_out_what_it_has_whole_sees_what_one_sees_that_reads_all(writes, data):
    store, sources, partitions = MemoryWindow(), {"ride_requests", "waiting"}, {"ride-requests": 2}
    frugal, thorough = LiveWindow(SF, sources, partitions), LiveWindow(SF, sources, partitions)
    open_panes = [0, 0]
    for offset, (step, partition, count) in enumerate(sorted(writes, key=lambda w: w[0])):
        while open_panes[partition] < step:
            store.put(
                [
                    register(g, {HERE: count}, open_panes[partition], partition, closed=True, covers_offset=2 * offset)
                    for g in ("requests_waiting", "requests_opened")
                ]
            )
            open_panes[partition] += 1
        store.put([register("requests_waiting", {HERE: count + 1}, step, partition, covers_offset=2 * offset + 1)])
        if data.draw(st.booleans()):
            frugal.update(store.read("sf", step, frugal.whole_panes()))
            thorough.update(store.read("sf", step))
            assert frugal.newest_received_at_ms == thorough.newest_received_at_ms
            for gauge in ("requests_waiting", "requests_opened"):
                assert frugal.level_total(gauge) == thorough.level_total(gauge)
                assert [p.tolist() for p in frugal.cells(gauge)] == [p.tolist() for p in thorough.cells(gauge)]
