"""What ingest tells of itself: counts by rule, lag, errors beside their promises, and nothing of what it gave away."""

from __future__ import annotations

import time
import uuid
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY

from services.ingest import measuring
from wayfare.adapters.json_columns import columns_of
from wayfare.domain.streams import sketch
from wayfare.domain.streams.columns import TickAt, Unreadable
from wayfare.domain.streams.events import NO_CITY, DriverPing, Recorded
from wayfare.domain.streams.panes import PANE_MS, PaneRegister
from wayfare.domain.streams.state import PartitionState

Place = namedtuple("Place", "topic partition")
T0 = 30_000_000 * PANE_MS
HOME = (37.77, -122.42)
PINGS = "driver-pings"


@pytest.fixture
def city() -> str:
    return f"c{uuid.uuid4().hex[:8]}"


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def rejected(reason: str) -> float:
    return value("wayfare_ingest_events_rejected_total", topic=PINGS, reason=reason) or 0.0


def feed(state: PartitionState, city: str, *pings: DriverPing, delay_ms: int = 0) -> list[PaneRegister]:
    offsets = np.arange(len(pings)) + state.covers_offset + 1
    rows = columns_of([Recorded(ping, city, ping.t_ms + delay_ms) for ping in pings], offsets)
    return state.take({city: [rows]}, int(offsets[-1]))


def ping(driver: str, t_ms: int = 0, at: tuple[float, float] = HOME) -> DriverPing:
    return DriverPing(driver, T0 + t_ms, *at, "available")


def test_each_rule_counts_what_is_new_and_a_snapshot_was_counted_before(city):
    state = PartitionState(PINGS, 3)
    counts = measuring.Counts.since(state)
    reasons = ("late", "future", "duplicate", "out_of_order", "teleport", "out_of_city", "unreadable")
    before = {reason: rejected(reason) for reason in reasons}
    silent = value("wayfare_ingest_ended_total", topic=PINGS, reason="silent") or 0.0
    feed(state, city, ping("a", 10_000), ping("a", 10_000), ping("a", 9_000), ping("a", 20_000, (37.9, -122.42)))
    feed(state, city, ping("b"), delay_ms=600_001)
    feed(state, city, ping("c", 2_000_000), delay_ms=-300_001)
    feed(state, NO_CITY, ping("d"))
    state.take({city: [Unreadable(7, "unreadable", 1)]}, 7)
    state.take({city: [TickAt(8, T0 + 40 * PANE_MS)]}, 8)
    counts.count(state)
    assert {reason: rejected(reason) - before[reason] for reason in reasons} == dict.fromkeys(reasons, 1)
    assert value("wayfare_ingest_ended_total", topic=PINGS, reason="silent") == silent + 1
    counts.count(state)
    again = PartitionState.restore(state.snapshot())
    measuring.Counts.since(again).count(again)
    assert {reason: rejected(reason) - before[reason] for reason in reasons} == dict.fromkeys(reasons, 1)


def test_lag_is_in_records_and_in_seconds_and_what_was_given_away_is_forgotten(city):
    state = PartitionState(PINGS, 77)
    feed(state, city, ping("a"), ping("b", 1_000))
    place = Place(PINGS, 77)
    labels = {"topic": PINGS, "partition": "77"}
    taken = {place: round(time.time() * 1000) - 30_000}
    measuring.lag(lambda _s: {place: 12, Place(PINGS, 78): 9}, {place: state}, taken)
    assert value("wayfare_ingest_lag_records", **labels) == 10
    assert value("wayfare_ingest_delay_seconds", **labels) == pytest.approx(30, abs=5)
    assert value("wayfare_ingest_lag_records", topic=PINGS, partition="78") is None
    measuring.lag(lambda _s: {place: 2}, {place: state}, taken)
    assert value("wayfare_ingest_delay_seconds", **labels) == 0
    measuring.window([state])
    assert value("wayfare_ingest_panes_open") == 3
    assert value("wayfare_ingest_log_time_seconds", city=city, **labels) == (T0 + 1_000) / 1000
    measuring.forget(state)
    assert value("wayfare_ingest_lag_records", **labels) is None
    assert value("wayfare_ingest_log_time_seconds", city=city, **labels) is None


def register(
    city: str, pane: int, partition: int, above: int, added: int, gauge: str = "trips_started"
) -> PaneRegister:
    """A register whose sketch is `above` over its one exact count, with `added` counted in all."""
    table = sketch.empty()
    sketch.add(table, np.array([5]), np.array([1 + above]))
    table[0, 0] += np.uint32(added)
    return PaneRegister(
        city, gauge, PINGS, partition, pane, 1, 1, True, 1, np.array([5], np.int64), np.array([1], np.uint32), table
    )  # fmt: skip


def errors_told(gauge: str = "trips_started") -> dict[str, Any]:
    return {kind: value("wayfare_sketch_error", gauge=gauge, kind=kind) for kind in ("promised", "observed")}


def test_the_sketch_error_told_is_that_of_the_partition_nearest_its_promise(city):
    errors = measuring.Errors()

    def nobody(_register: PaneRegister) -> None:
        return None

    errors.closed([register(city, 9, 0, 3, 90_000), register(city, 9, 1, 2, 10)], nobody)
    assert errors_told()["observed"] == 2
    assert errors_told()["promised"] < 2
    errors.closed([register(city, 9, 2, 9, 90_000)], nobody)
    assert errors_told()["observed"] == 2, "another partition of the same pane was nearer"
    errors.closed([register(city, 10, 0, 1, 0)], nobody)
    assert errors_told()["observed"] == 1
    errors.closed([register(city, 9, 3, 50, 0)], nobody)
    assert errors_told()["observed"] == 1, "an older pane is no news"


def test_circles_are_measured_on_the_cabs_of_a_pane_that_closed(city):
    state = PartitionState(PINGS, 5)
    draw = np.random.default_rng(3)
    places = zip(draw.uniform(37.72, 37.80, 400), draw.uniform(-122.48, -122.40, 400), strict=True)
    feed(state, city, *(ping(f"d{i}", 0, place) for i, place in enumerate(places)))
    closed = state.take({city: [TickAt(400, T0 + PANE_MS)]}, 400)
    measuring.Errors().closed(closed, lambda _register: state.cities[city])
    told = {kind: value("wayfare_cover_cabs", city=city, partition="5", kind=kind) for kind in ("covered", "exact")}
    assert told["exact"] > 1_000
    assert told["covered"] == pytest.approx(told["exact"], rel=0.03)
    measuring.forget(state)
    assert value("wayfare_cover_cabs", city=city, partition="5", kind="exact") is None
