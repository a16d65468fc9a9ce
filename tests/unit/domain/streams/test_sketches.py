"""Laws and guarantees of the count-min sketch and HyperLogLog, and golden values that pin their hashes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.geo.cells import morton
from wayfare.domain.streams import distinct, sketch

CELLS = st.lists(st.integers(0, 2**34), max_size=60)
GOLDEN_COLUMNS = [[509, 1851, 2320, 3618], [1487, 2259, 3832, 3887], [285, 644, 2242, 3789], [529, 2081, 2901, 3160]]
GOLDEN_IDENTITY = 627996628482369454

HASHES = st.lists(st.integers(0, 2**64 - 1), max_size=200)


def _table(cells: list[int]) -> sketch.Table:
    table = sketch.empty(4, 64)
    sketch.add(table, np.array(cells, np.int64), np.ones(len(cells), np.int64))
    return table


def _registers(hashes: list[int]) -> distinct.Registers:
    registers = distinct.empty(6)
    distinct.add(registers, np.array(hashes, np.uint64))
    return registers


@given(CELLS, CELLS, CELLS)
def test_sketches_merge_in_any_order_and_grouping_to_the_sketch_of_everything(a, b, c):
    tables = [_table(cells) for cells in (a, b, c)]
    whole = _table(a + b + c)
    assert np.array_equal(sketch.merge(tables), whole)
    assert np.array_equal(sketch.merge([tables[2], sketch.merge([tables[1], tables[0]])]), whole)


@given(CELLS)
def test_an_estimate_is_never_below_the_truth(cells):
    distinct_cells, counts = np.unique(np.array(cells, np.int64), return_counts=True)
    table = sketch.empty(2, 8)
    sketch.add(table, distinct_cells, counts)
    assert (sketch.query(table, distinct_cells) >= counts).all()


def test_an_estimate_exceeds_the_promise_no_more_often_than_promised():
    draw = np.random.default_rng(1)
    cells = np.unique(draw.integers(0, 2**32, 30_000))
    table = sketch.empty()
    sketch.add(table, cells, np.ones(len(cells), np.int64))
    excess = sketch.query(table, cells).astype(np.int64) - 1
    assert (excess > sketch.promised_error(table)).mean() <= math.exp(-sketch.D)
    assert sketch.observed_error(table, cells, np.ones(len(cells), np.uint32)) == excess.max()


def test_the_hashes_of_cells_are_those_of_every_release():
    table = sketch.empty()
    sketch.add(table, np.array([0, 1, 4_294_967_295, 2**40]), np.array([1, 2, 3, 4]))
    assert [np.flatnonzero(row).tolist() for row in table] == GOLDEN_COLUMNS


def test_the_hash_of_an_identity_is_that_of_every_release():
    assert distinct.identity_hash("driver-1") == GOLDEN_IDENTITY


@given(HASHES, HASHES, HASHES)
def test_registers_merge_in_any_order_and_repeats_change_nothing(a, b, c):
    parts = [_registers(hashes) for hashes in (a, b, c)]
    whole = _registers(a + b + c)
    assert np.array_equal(distinct.merge([*parts, *parts]), whole)
    assert np.array_equal(distinct.merge([parts[2], distinct.merge([parts[1], parts[0]])]), whole)


@pytest.mark.parametrize("count", [0, 1, 10, 300, 4_000, 10_000, 60_000, 1_000_000])
def test_the_number_of_distinct_identities_is_within_four_standard_errors(count):
    registers = distinct.empty()
    distinct.add(registers, np.random.default_rng(count).integers(0, 2**64, count, np.uint64))
    assert distinct.estimate(registers) == pytest.approx(count, rel=4 * 1.04 / math.sqrt(4096), abs=0.5)


@pytest.mark.parametrize("make", [lambda: sketch.empty(4, 100), lambda: sketch.empty(5), lambda: distinct.empty(3)])
def test_a_shape_that_cannot_be_is_refused(make):
    with pytest.raises(ValueError, match="got"):
        make()


@given(st.integers(0, 2**32), st.sampled_from([1, 30, 90, 128, 129, 2_000]), st.sampled_from([0, 1, 1_999, 5_000]))
def test_cells_counted_densely_are_those_counted_by_sorting(seed, wide, count):
    draw = np.random.default_rng(seed)
    x, y = (draw.integers(at, min(at + wide, 65_536), count) for at in draw.integers(0, 65_536, 2))
    cells = morton(x, y)
    expected, times = np.unique(cells, return_counts=True)
    found, counts = sketch.counted(cells)
    assert found.tolist() == expected.tolist()
    assert counts.tolist() == times.tolist()


@pytest.mark.parametrize("stranger", [5 + (1 << 62), 5 - (1 << 63), -1])
@pytest.mark.parametrize("first", [True, False])
def test_a_number_that_is_no_cell_is_counted_as_itself(stranger, first):
    cells = np.full(5_000, 5)
    cells[0 if first else -1] = stranger
    found, counts = sketch.counted(cells)
    assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == {stranger: 1, 5: 4_999}
