"""The state of a partition is a function of its log: rule by rule, and whatever the batches, the crashes and the order."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayfare.adapters.json_columns import columns_of
from wayfare.domain.city import Place
from wayfare.domain.errors import InvalidInput
from wayfare.domain.geo.cells import cell_of_point
from wayfare.domain.streams import distinct, pane_bytes
from wayfare.domain.streams.columns import Segment, TickAt, Unreadable, joined
from wayfare.domain.streams.events import (
    NO_CITY,
    PING_STATUSES,
    REQUEST_STATUSES,
    DriverPing,
    Event,
    Recorded,
    RideRequest,
    WeatherObservation,
)
from wayfare.domain.streams.panes import GAP_PANES, PANE_MS, SEEN, PaneRegister
from wayfare.domain.streams.state import PartitionState, newest_weather

T0 = 30_000_000 * PANE_MS
HOME, FAR = (37.77, -122.42), (37.80, -122.40)


def ping(
    driver: str, t_ms: int, status: str = "available", at: tuple[float, float] = HOME, drop: Any = None
) -> DriverPing:
    return DriverPing(driver, T0 + t_ms, *at, status, drop)


def step(request: str, t_ms: int, status: str) -> RideRequest:
    places = (Place(*HOME), Place(*FAR)) if status == "opened" else (None, None)
    return RideRequest(request, "r", T0 + t_ms, status, *places)


class Partition:
    """A partition fed one record at a time; events are received `delay_ms` after they were made."""

    def __init__(self, topic: str = "driver-pings") -> None:
        self.state = PartitionState(topic, 0)
        self.closed: list[PaneRegister] = []

    def feed(self, *events: Event, delay_ms: int = 0, city: str = "sf") -> Partition:
        for event in events:
            offset = self.state.covers_offset + 1
            received = event.t_ms + delay_ms
            row = columns_of([Recorded(event, city, received)], np.array([offset]))
            self.closed += self.state.take({city: [row]}, offset)
        return self

    def tick(self, t_ms: int) -> Partition:
        offset = self.state.covers_offset + 1
        self.closed += self.state.take({"sf": [TickAt(offset, T0 + t_ms)]}, offset)
        return self

    def now(self, gauge: str) -> dict[int, int]:
        """Counts by cell in the open pane."""
        registers = self.state.cities["sf"].open_registers(self.state.covers_offset)
        found = next(r for r in registers if r.gauge == gauge)
        return dict(zip(found.cells.tolist(), found.counts.tolist(), strict=True))

    def rejected(self) -> dict[str, int]:
        return dict(self.state.cities["sf"].rejected)


HERE, THERE = cell_of_point(*HOME), cell_of_point(*FAR)


def test_a_cab_counts_once_however_often_it_pings_and_where_it_is_now():
    moved = Partition().feed(ping("a", 0), ping("a", 1000), ping("b", 1500), ping("a", 600_000, at=FAR))
    assert moved.now("cabs_available") == {THERE: 1}  # b has been silent
    assert moved.state.cities["sf"].applied == 4


def test_only_available_cabs_are_available():
    fed = Partition().feed(*(ping(status, 0, status) for status in PING_STATUSES))
    assert fed.now("cabs_available") == {HERE: 1}


def test_a_late_ping_changes_nothing_and_is_counted():
    fed = Partition().feed(ping("a", 0)).feed(ping("b", 1), delay_ms=600_000).feed(ping("c", 2), delay_ms=600_001)
    assert fed.rejected() == {"late": 1}


def test_a_future_ping_changes_nothing_and_is_counted():
    assert Partition().feed(ping("a", 0)).feed(ping("b", 0), delay_ms=-300_001).rejected() == {"future": 1}


def test_a_repeated_ping_and_an_older_one_change_nothing():
    fed = Partition().feed(ping("a", 5000), ping("a", 5000, "on_trip")).feed(ping("a", 4000, "on_trip"), delay_ms=2000)
    assert fed.rejected() == {"duplicate": 1, "out_of_order": 1}
    assert fed.now("cabs_available") == {HERE: 1}


def test_a_leap_faster_than_200_km_per_hour_is_refused_until_a_second_fix_agrees():
    fed = Partition().feed(ping("a", 0), ping("a", 10_000, at=FAR))
    assert (fed.now("cabs_available"), fed.rejected()) == ({HERE: 1}, {"teleport": 1})
    fed.feed(ping("a", 12_000, at=FAR))
    assert (fed.now("cabs_available"), fed.rejected()) == ({THERE: 1}, {"teleport": 1})


def test_a_wild_fix_that_is_sent_again_does_not_confirm_itself():
    fed = Partition().feed(ping("a", 0), ping("a", 10_000, at=FAR), ping("a", 10_000, at=FAR), ping("a", 11_000))
    assert (fed.now("cabs_available"), fed.rejected()) == ({HERE: 1}, {"teleport": 2})


def test_a_cab_silent_for_five_minutes_at_a_panes_end_no_longer_counts_in_it():
    fed = Partition().feed(ping("a", 0), ping("b", 1)).tick(5 * PANE_MS)
    assert [r.total for r in fed.closed if r.gauge == "cabs_available"] == [2, 2, 2, 2, 2]
    fed.tick(6 * PANE_MS)
    assert fed.closed[-3].gauge == "cabs_available"
    assert fed.closed[-3].total == 0
    assert fed.state.cities["sf"].ended == {"silent": 2}
    fed.feed(ping("a", 7 * PANE_MS), ping("b", 7 * PANE_MS, "offline")).tick(14 * PANE_MS)
    assert fed.state.cities["sf"].ended == {"silent": 3}, "a cab that went offline has not fallen silent"


def test_silence_is_judged_by_when_a_ping_was_made_not_when_it_came():
    fed = Partition().feed(ping("a", 0)).feed(ping("b", -PANE_MS * 6), delay_ms=6 * PANE_MS + 1000)
    assert fed.now("cabs_available") == {HERE: 1}


def test_a_cab_near_its_drop_off_counts_where_it_will_drop():
    near, far = Place(37.775, -122.42), Place(37.77, -122.30)
    fed = Partition().feed(
        ping("a", 0, "on_trip", drop=near), ping("b", 0, "on_trip", drop=far), ping("c", 0, "on_trip")
    )
    assert fed.now("cabs_dropping_off") == {cell_of_point(*near): 1}


def test_a_trip_starts_when_a_known_cab_becomes_on_trip_and_counts_in_its_minute():
    fed = Partition().feed(
        ping("a", 0), ping("b", 0, "on_trip"), ping("a", 1000, "on_trip"), ping("a", 2000, "on_trip")
    )
    assert fed.now("trips_started") == {HERE: 1}
    fed.tick(PANE_MS)
    assert fed.now("trips_started") == {}


def test_a_request_waits_until_a_terminal_status_or_fifteen_minutes():
    fed = Partition("ride-requests").feed(step("a", 0, "opened"), step("b", 1, "opened"), step("a", 2, "matched"))
    assert fed.now("requests_waiting") == {HERE: 1}
    fed.tick(15 * PANE_MS)
    assert fed.now("requests_waiting") == {HERE: 1}
    fed.tick(16 * PANE_MS)
    assert fed.now("requests_waiting") == {}
    assert fed.state.cities["sf"].ended == {"expired": 1}


@given(st.permutations(["opened", "matched", "opened", "cancelled"]))
def test_a_terminal_status_wins_in_any_order_and_each_step_counts_once(order):
    fed = Partition("ride-requests").tick(0)
    for received, status in enumerate(order):
        fed.feed(step("a", 0, status), delay_ms=received)
    assert fed.now("requests_waiting") == {}
    assert fed.now("requests_opened") == {HERE: 1}
    assert fed.rejected() == {"duplicate": 1}
    early = order.index("opened") > min(order.index("matched"), order.index("cancelled"))
    assert fed.state.cities["sf"].ended == ({"ended_before_opened": 1} if early else {})


def test_events_of_no_city_and_unreadable_rows_are_counted_and_open_no_pane():
    fed = Partition().feed(ping("a", 0), city=NO_CITY)
    fed.state.take({NO_CITY: [Unreadable(1, "unreadable", 3)]}, 1)
    assert fed.state.cities[NO_CITY].rejected == {"out_of_city": 1, "unreadable": 3}
    assert fed.state.cities[NO_CITY].open_registers(1) == []


def test_every_pane_that_passes_is_closed_even_an_empty_one_and_a_leap_closes_a_bounded_number():
    fed = Partition().feed(ping("a", 0)).tick(3 * PANE_MS)
    assert [r.pane - 30_000_000 for r in fed.closed if r.gauge == "trips_started"] == [0, 1, 2]
    fed.closed.clear()
    fed.tick(1_000 * PANE_MS)
    panes = [r.pane - 30_000_000 for r in fed.closed if r.gauge == "trips_started"]
    assert panes == [3, *range(1_000 - GAP_PANES + 1, 1_000)]


def test_a_closed_register_covers_the_record_that_closed_it_so_that_it_beats_the_open_one():
    fed = Partition().feed(ping("a", 0))
    before = fed.state.cities["sf"].open_registers(fed.state.covers_offset)[0]
    fed.tick(PANE_MS)
    assert fed.closed[0].covers_offset == before.covers_offset + 1
    assert fed.closed[0].closed


def test_log_time_never_runs_back():
    fed = Partition().tick(5 * PANE_MS).feed(ping("a", 4 * PANE_MS))
    assert fed.state.cities["sf"].log_time_ms == T0 + 5 * PANE_MS
    assert fed.closed == []


def test_distinct_cabs_of_a_pane_are_in_its_hyperloglog_and_every_cell_they_saw_in_the_interval():
    drivers = [f"d{i}" for i in range(200)]
    fed = Partition().feed(*(ping(d, i) for i, d in enumerate(drivers)))
    fed.feed(*(ping(d, 5 * PANE_MS + i, at=FAR) for i, d in enumerate(drivers)))
    fed.feed(*(ping(d, 6 * PANE_MS + i, at=FAR) for i, d in enumerate(drivers)))
    fed.tick(10 * PANE_MS)
    available = [r for r in fed.closed if r.gauge == "cabs_available"]
    assert all(distinct.estimate(r.distinct) == pytest.approx(200, rel=0.07) for r in available)
    seen = [r for r in fed.closed if r.gauge == SEEN]
    assert [dict(zip(r.cells.tolist(), r.counts.tolist(), strict=True)) for r in seen] == [{HERE: 200, THERE: 200}]


def test_weather_keeps_the_newest_of_each_cell_by_the_time_it_was_made():
    def seen(t_ms: int, celsius: float) -> WeatherObservation:
        return WeatherObservation(T0 + t_ms, *HOME, celsius, 0.0, 0.5, 1.0)

    fed = Partition("weather").feed(seen(1000, 11.0)).feed(seen(0, 9.0), delay_ms=2000).feed(seen(1000, 11.0))
    assert [o["temperature_c"] for o in newest_weather(fed.state.cities["sf"]).values()] == [11.0]
    assert fed.rejected() == {"out_of_order": 1, "duplicate": 1}


def test_records_are_taken_once():
    with pytest.raises(InvalidInput, match="got 0"):
        Partition().tick(0).state.take({}, 0)


DRIVERS = st.sampled_from(["a", "b", "c", "d"])
PLACES = st.sampled_from([HOME, FAR, (37.7705, -122.4205), (37.79, -122.41)])
PINGS = st.builds(
    lambda d, t, s, at, lag, drop: (ping(d, t, s, at, Place(*FAR) if drop and s == "on_trip" else None), lag),
    DRIVERS, st.integers(0, 30 * PANE_MS), st.sampled_from(PING_STATUSES), PLACES,
    st.integers(-400_000, 900_000), st.booleans(),
)  # fmt: skip
STEPS = st.builds(
    lambda r, t, s, lag: (step(r, t, s), lag),
    DRIVERS, st.integers(0, 30 * PANE_MS), st.sampled_from(REQUEST_STATUSES), st.integers(-400_000, 900_000),
)  # fmt: skip
LOGS = st.one_of(
    st.tuples(st.just("driver-pings"), st.lists(PINGS, min_size=1, max_size=60)),
    st.tuples(st.just("ride-requests"), st.lists(STEPS, min_size=1, max_size=60)),
)


def _segments(rows: list[tuple[Event, int]], offset: int, ticks: bool) -> list[Segment]:
    out: list[Segment] = []
    for i, (event, lag) in enumerate(rows):
        received = event.t_ms + lag
        out.append(columns_of([Recorded(event, "sf", received)], np.array([offset + i])))
        if ticks and i % 7 == 6:
            out.append(TickAt(offset + i, received + 500))
    return out


def _run(topic: str, rows: list[tuple[Event, int]], cuts: list[int], crash: bool) -> tuple[list[str], bytes]:
    """All closed registers and the final snapshot, with the log read in pieces, each after a restart if `crash`."""
    state, closed = PartitionState(topic, 0), []
    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    for start, stop in zip(edges, edges[1:], strict=False):
        if crash:
            state = PartitionState.restore(state.snapshot())
        segments = (
            joined(_segments(rows[start:stop], start, True)) if not crash else _segments(rows[start:stop], start, True)
        )
        # Ticks of `_segments` depend on the piece; cut at multiples of seven so that every reading has the same log.
        closed += state.take({"sf": segments}, stop - 1)
    registers = closed + state.cities["sf"].open_registers(state.covers_offset)
    return [r.key + pane_bytes.encode(r).hex() for r in registers], state.snapshot()


@settings(max_examples=60)
@given(LOGS, st.lists(st.integers(1, 8).map(lambda n: 7 * n), max_size=5))
def test_neither_batches_nor_crashes_change_a_single_byte(log, cuts):
    topic, rows = log
    whole = _run(topic, rows, [], crash=False)
    assert _run(topic, rows, cuts, crash=False) == whole
    assert _run(topic, rows, cuts, crash=True) == whole


def test_trips_that_start_in_one_pane_are_kept_in_one_order_however_the_log_is_cut():
    available, on_trip = (ping("c", 0), 0), (ping("c", 2000, "on_trip"), 0)
    rows = [(ping("b", 0), 0), available, (ping("c", 1000), 0), on_trip, (ping("b", 3000, "on_trip"), 0)]
    assert _run("driver-pings", rows, [], crash=True) == _run("driver-pings", rows, [], crash=False)


def test_a_snapshot_cut_short_or_of_another_version_is_refused():
    data = Partition().feed(ping("a", 0)).state.snapshot()
    for broken in (b"", data[:20], bytes([9]) + data[1:], data[:-1] + b"\0\0"):
        with pytest.raises(InvalidInput, match="got"):
            PartitionState.restore(broken)


def test_a_forgotten_driver_leaves_no_trace_for_the_next_one():
    fed = Partition().feed(ping("a", 0, at=FAR)).tick(30 * PANE_MS)
    subject = fed.state.cities["sf"].subject
    assert len(subject) == 0
    fed.feed(ping("b", 30 * PANE_MS + 1, "on_trip"))
    assert fed.rejected() == {}
    assert fed.now("trips_started") == {}


def test_columns_in_pieces_hold_the_same_rows():
    rows = columns_of([Recorded(ping(f"d{i}", i), "sf", T0 + i) for i in range(5)], np.arange(5))
    again = joined([rows.part(0, 2), rows.part(2, 5)])
    assert len(again) == 1
    for field in dataclasses.fields(rows):
        assert list(getattr(again[0], field.name)) == pytest.approx(list(getattr(rows, field.name)), nan_ok=True)
