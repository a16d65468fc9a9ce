"""A topic with a newer generation of more partitions: over both together every pane is what it would be without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.adapters.json_columns import columns_of
from wayfare.domain.city import Place
from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams import distinct, generation, pane_bytes, takeover
from wayfare.domain.streams.columns import TickAt
from wayfare.domain.streams.events import (
    PING_STATUSES,
    REQUEST_STATUSES,
    DriverPing,
    Recorded,
    RideRequest,
    Seal,
    WeatherObservation,
)
from wayfare.domain.streams.panes import PANE_MS, PaneRegister
from wayfare.domain.streams.partition import partition_of
from wayfare.domain.streams.state import PartitionState, Sealed, newest_weather

T0 = 1_800_000_000_000 - 1_800_000_000_000 % (10 * PANE_MS)
PLACES = [Place(37.76 + i / 100, -122.42) for i in range(4)]


class Log:
    """Partitions of one topic, fed row by row, time ticking in each of them."""

    def __init__(self, states: Sequence[PartitionState]) -> None:
        self.states, self.closed = list(states), list[PaneRegister]()
        self.offsets = [state.covers_offset for state in states]

    def event(self, event: Any, now_ms: int) -> None:
        at = partition_of(event.identity, len(self.states))
        self.offsets[at] += 1
        rows = columns_of([Recorded(event, "sf", now_ms)], np.array([self.offsets[at]]))
        self.closed += self.states[at].take({"sf": [rows]}, self.offsets[at])
        self.tick(now_ms)

    def tick(self, now_ms: int) -> None:
        for at, state in enumerate(self.states):
            self.offsets[at] += 1
            self.closed += state.take({"sf": [TickAt(self.offsets[at], now_ms)]}, self.offsets[at])

    def seal(self, successor: str) -> None:
        now_ms = max(state.cities["sf"].log_time_ms for state in self.states)
        for at, state in enumerate(self.states):
            self.offsets[at] += 1
            told = Sealed(self.offsets[at], Seal(successor, {"sf": now_ms}))
            self.closed += state.take({}, self.offsets[at], told)

    def levels(self) -> dict[str, Counter[int]]:
        found: dict[str, Counter[int]] = {}
        for at, state in enumerate(self.states):
            for register in state.cities["sf"].open_registers(self.offsets[at]):
                if register.gauge in ("cabs_available", "cabs_dropping_off", "requests_waiting"):
                    found.setdefault(register.gauge, Counter()).update(_counts(register))
        return found


def _counts(register: PaneRegister) -> dict[int, int]:
    return dict(zip(register.cells.tolist(), register.counts.tolist(), strict=True))


def panes(closed: Sequence[PaneRegister]) -> dict[tuple[str, int], tuple[Counter[int], bytes]]:
    """By gauge and pane the counts of all partitions, and who was counted, as a HyperLogLog."""
    found: dict[tuple[str, int], list[PaneRegister]] = {}
    for register in closed:
        found.setdefault((register.gauge, register.pane), []).append(register)
    return {
        at: (
            sum((Counter(_counts(one)) for one in registers), Counter()),
            distinct.merge([one.distinct for one in registers if one.distinct is not None]).tobytes(),
        )
        for at, registers in found.items()
    }


def ping(number: int, t_ms: int, status: int, place: int, drop: int) -> DriverPing:
    return DriverPing(f"d{number}", t_ms, *PLACES[place], PING_STATUSES[status], PLACES[drop] if drop else None)


def request(number: int, t_ms: int, status: int, place: int, drop: int) -> RideRequest:
    ends = (PLACES[place], PLACES[drop]) if status == 0 else (None, None)
    return RideRequest(f"r{number}", "u", t_ms, REQUEST_STATUSES[status], *ends)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 200_000), st.integers(0, 9), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3),
        st.integers(-30_000, 700_000),
    ),
    min_size=2, max_size=40,
)  # fmt: skip


@given(STEPS, st.data(), st.integers(1, 4), st.integers(2, 9))
@pytest.mark.parametrize("topic", ["driver-pings", "ride-requests"])
def test_every_pane_of_both_generations_together_is_that_of_one_that_never_grew(topic, steps, data, older, more):
    cut = data.draw(st.integers(1, len(steps)))
    newer = generation.later(topic, 2, older + more)
    one = Log([PartitionState(topic, at) for at in range(older)])
    first = Log([PartitionState(topic, at) for at in range(older)])
    grown, now = first, T0
    make = ping if topic == "driver-pings" else request
    statuses = len(PING_STATUSES if topic == "driver-pings" else REQUEST_STATUSES)
    for number, (pause, identity, status, place, drop, old) in enumerate(steps):
        if number == cut:
            first.seal(newer)
            count = older + more
            again = [PartitionState.restore(state.snapshot()) for state in first.states]
            grown = Log([takeover.taken_over(newer, at, count, again) for at in range(count)])
        now += pause
        event = make(identity, now - old, status % statuses, place, drop)
        one.event(event, now)
        grown.event(event, now)
    for log in (one, grown):
        log.tick(now + 11 * PANE_MS)
    second = grown.closed if grown is not first else []
    assert panes([*first.closed, *second]) == panes(one.closed)
    assert grown.levels() == one.levels()


def test_a_partition_begins_alike_whoever_begins_it_and_goes_on_from_a_snapshot():
    first = Log([PartitionState("driver-pings", at) for at in range(2)])
    for number in range(12):
        first.event(ping(number, T0 + number, 0, number % 4, 0), T0 + number)
    first.seal("driver-pings.g2x5")
    backwards = [PartitionState.restore(state.snapshot()) for state in reversed(first.states)]
    for at in range(5):
        begun = takeover.taken_over("driver-pings.g2x5", at, 5, first.states)
        assert begun.snapshot() == takeover.taken_over("driver-pings.g2x5", at, 5, backwards).snapshot()
        again = PartitionState.restore(begun.snapshot())
        rows = {"sf": [TickAt(0, T0 + 2 * PANE_MS)]}
        written = [pane_bytes.encode(register) for register in begun.take(rows, 0)]
        assert written == [pane_bytes.encode(register) for register in again.take(rows, 0)]
        assert begun.snapshot() == again.snapshot()


def test_what_is_sealed_says_the_same_levels_for_ever_and_no_flow_again():
    log = Log([PartitionState("ride-requests", 0)])
    log.event(request(1, T0, 0, 1, 2), T0)
    log.seal("ride-requests.g2x2")
    (state,) = log.states
    (levels,) = state.cities["sf"].open_registers(99)
    assert (levels.gauge, levels.covers_offset, levels.total, levels.closed) == ("requests_waiting", 2, 1, False)
    (flows,) = log.closed
    assert (flows.gauge, flows.covers_offset, flows.total, flows.closed) == ("requests_opened", 2, 1, True)
    assert state.cities["sf"].open_panes == 0
    again = PartitionState.restore(state.snapshot())
    assert again.successor == "ride-requests.g2x2"
    assert [one.key for one in again.cities["sf"].open_registers(99)] == [levels.key]


def test_weather_is_taken_over_by_cell():
    seen = [WeatherObservation(T0 + i, 37.7 + i / 50, -122.4, 10.0 + i, 0.0, 0.5, 1.0) for i in range(8)]
    state = PartitionState("weather", 0)
    state.take({"sf": [columns_of([Recorded(one, "sf", T0 + 9) for one in seen], np.arange(8))]}, 7)
    state.take({}, 8, Sealed(8, Seal("weather.g2x3", {})))
    parts = [takeover.taken_over("weather.g2x3", at, 3, [state]) for at in range(3)]
    cells = [set(newest_weather(part.cities["sf"])) for part in parts]
    assert set.union(*cells) == {one.identity for one in seen}
    assert all(partition_of(cell, 3) == at for at, held in enumerate(cells) for cell in held)


def test_a_newer_generation_waits_until_every_partition_of_the_older_one_is_sealed_for_it():
    log = Log([PartitionState("driver-pings", at) for at in range(2)])
    log.tick(T0)
    snapshots = {(state.topic, state.partition): state.snapshot() for state in log.states}
    there = {"driver-pings": 2, "driver-pings.g2x5": 5}

    def begun(held: dict[tuple[str, int], bytes], existing: dict[str, int]) -> PartitionState | None:
        return takeover.begun("driver-pings.g2x5", 1, 5, held, existing)

    assert begun({}, there) is None
    assert begun(snapshots, there) is None
    log.seal("driver-pings.g2x5")
    sealed = {(state.topic, state.partition): state.snapshot() for state in log.states}
    assert begun({("driver-pings", 0): sealed["driver-pings", 0]}, there) is None
    assert begun(snapshots | {("driver-pings", 0): sealed["driver-pings", 0]}, there) is None
    taken = begun(sealed, there)
    assert taken is not None
    assert taken.cities["sf"].log_time_ms == T0
    # The older topic may have been deleted since.
    assert begun(sealed, {"driver-pings.g2x5": 5}) is not None
    # Where there never was an older one, the log itself is all.
    fresh = begun({}, {"driver-pings.g2x5": 5})
    assert fresh is not None
    assert fresh.cities == {}
    with pytest.raises(InvalidInput, match="got driver-pings.g2x5"):
        takeover.taken_over("driver-pings.g3x9", 0, 9, log.states)


@pytest.mark.parametrize("name", ["driver-pings.g2", "driver-pings.g0x3", "a.b.g2x3", "driver-pings.dead-letter"])
def test_any_other_name_is_a_first_generation_of_its_own(name):
    assert generation.of(name) == (name, 1, None)


@given(st.integers(2, 999), st.integers(1, 999))
def test_a_name_says_its_generation_and_partitions(number, partitions):
    name = generation.later("ride-requests", number, partitions)
    assert generation.of(name) == ("ride-requests", number, partitions)
    assert generation.before(name, ["driver-pings", "ride-requests", name]) == "ride-requests"
    assert generation.newest("ride-requests", ["ride-requests", "ride-requests.dead-letter", name]) == name
