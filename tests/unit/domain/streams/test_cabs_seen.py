"""Cabs seen in aligned ten minutes: each counts once in each cell it was in, and partitions and intervals merge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayfare.adapters.json_columns import columns_of
from wayfare.domain.geo.cells import bounds, cell_of_point
from wayfare.domain.streams import distinct, pane_bytes, sketch
from wayfare.domain.streams.columns import TickAt
from wayfare.domain.streams.events import DriverPing, Recorded
from wayfare.domain.streams.panes import EXACT_CELLS_MAX, PANE_MS, SEEN, SEEN_PANES, PaneRegister
from wayfare.domain.streams.seen import CONFIDENCE, INTERVAL_MS, STANDARD_ERROR, Seen, cabs, interval_of
from wayfare.domain.streams.state import PartitionState

T0 = 3_000_000 * INTERVAL_MS
WEST, SOUTH, *_ = bounds(cell_of_point(37.77, -122.42))
PLACES = [(SOUTH + n, WEST + e) for n, e in ((-3e-4, -3e-4), (3e-4, -3e-4), (3e-4, 3e-4))]
"""In three cells, and so near each other that no step between them is too fast."""
CELLS = [cell_of_point(*place) for place in PLACES]


def closed(partition: int, visits: list[tuple[int, str, int]], until_ms: int = INTERVAL_MS) -> list[PaneRegister]:
    """Registers of cabs seen, of one partition fed (ms, driver, place) in order, then a tick."""
    state, found = PartitionState("driver-pings", partition), []
    pings = [DriverPing(driver, T0 + ms, *PLACES[place], "available") for ms, driver, place in visits]
    if pings:
        rows = columns_of([Recorded(ping, "sf", ping.t_ms) for ping in pings], np.arange(len(pings)))
        found += state.take({"sf": [rows]}, len(pings) - 1)
    else:
        found += state.take({"sf": [TickAt(0, T0)]}, 0)
    found += state.take({"sf": [TickAt(len(visits) + 1, T0 + until_ms)]}, len(visits) + 1)
    return [register for register in found if register.gauge == SEEN]


VISITS = st.lists(
    st.tuples(st.integers(0, INTERVAL_MS - 1), st.integers(0, 12).map(lambda n: f"d{n}"), st.integers(0, 2)),
    max_size=40,
).map(sorted)


@settings(max_examples=40)
@given(VISITS, st.randoms(use_true_random=False))
def test_partitions_merge_in_any_order_to_the_answer_of_one(visits, draw):
    whole = Seen.of(closed(0, visits))
    parts = [closed(p, [v for v in visits if int(v[1][1:]) % 3 == p]) for p in range(3)]
    draw.shuffle(parts)
    merged = Seen.of([register for part in parts for register in part])
    assert np.array_equal(merged.table(), whole.table())
    assert cabs([merged]) == cabs([whole])
    for place, cell in enumerate(CELLS):
        truth = len({driver for _ms, driver, at in visits if at == place and _moved(visits, driver, at)})
        told = merged.cell(cell)
        assert told == whole.cell(cell)
        assert told.exact == truth
        assert told.estimate >= truth


def _moved(visits: list[tuple[int, str, int]], driver: str, place: int) -> bool:
    """Whether a visit counted: of two pings of one driver in one millisecond the second is a duplicate."""
    first: dict[tuple[str, int], int] = {}
    for ms, who, at in visits:
        first.setdefault((who, ms), at)
    return any(who == driver and at == place for (who, _ms), at in first.items())


@given(VISITS, VISITS)
def test_a_cab_of_several_intervals_is_one_of_their_union_and_repeats_change_nothing(a, b):
    one, two = Seen.of(closed(0, a)), Seen.of(closed(0, b))
    different = len({driver for _ms, driver, _at in a + b})
    assert cabs([one, two]) == cabs([two, one]) == cabs([one, two, one])
    assert cabs([one, two]) == pytest.approx(different, abs=0.5)


def test_an_interval_begins_with_nothing_and_one_without_a_cab_is_known_to_be_empty():
    registers = closed(0, [(0, "a", 0), (60_000, "a", 1), (INTERVAL_MS + 5, "a", 1)], 3 * INTERVAL_MS)
    told = {r.pane // SEEN_PANES - 3_000_000: Seen.of([r]) for r in registers}
    assert [[told[i].cell(cell).exact for cell in CELLS] for i in range(3)] == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert [round(cabs([told[i]])) for i in range(3)] == [1, 1, 0]


def test_an_interval_that_log_time_leaps_out_of_has_the_name_of_its_last_pane():
    (first, *_rest) = closed(0, [(70_000, "a", 0)], 100 * INTERVAL_MS)
    assert first.pane == interval_of(T0) * SEEN_PANES + SEEN_PANES - 1
    assert first.log_time_ms == T0 + 2 * PANE_MS


def test_past_the_exact_cells_the_sketch_answers_alone_within_its_promise():
    cells = np.arange(2 * EXACT_CELLS_MAX, dtype=np.int64) * 7
    table, registers = sketch.empty(), distinct.empty()
    sketch.add(table, cells, np.ones(len(cells), np.int64))
    distinct.add(registers, sketch.mix(cells))
    none = cells[:0]
    held = Seen.of(
        [
            PaneRegister(
                "sf", SEEN, "driver-pings", 0, 9, 1, 1, True, len(cells), none, none.astype(np.uint32), table, registers
            )
        ]
    )
    told = [held.cell(int(cell)) for cell in cells[:400]]
    assert {one.exact for one in told} == {None}
    above = np.array([one.estimate - 1 - one.at_most_above for one in told])
    assert (above <= 0).mean() >= CONFIDENCE
    assert cabs([held]) == pytest.approx(len(cells), rel=4 * STANDARD_ERROR)


def test_a_register_without_its_sketches_is_not_asked():
    (register,) = closed(0, [(0, "a", 0)])
    assert Seen.of([pane_bytes.decode(register.key, pane_bytes.encode(pane_bytes.exact(register)))])
    with pytest.raises(ValueError, match="got 'sf"):
        Seen.of([PaneRegister("sf", SEEN, "driver-pings", 0, 9, 1, 1, True, 0, register.cells, register.counts)])
