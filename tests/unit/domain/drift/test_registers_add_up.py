"""Registers are the same however the log is cut, ordered and merged, and equal to exact arithmetic to 1e-9."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.drift import fixed
from wayfare.domain.drift.columns import Reference, read_reference
from wayfare.domain.drift.register import Key, Register, from_bytes, merged
from wayfare.domain.errors import InvalidInput
from wayfare.domain.models.reference import drift_reference

KEY = Key("predictions", 0, "sim", "surge-sim", 20261121001, 5)


def reference(rows: int = 2_000, seed: int = 1) -> Reference:
    draw = np.random.default_rng(seed)
    values = np.column_stack([draw.gamma(2.0, 3_000.0, rows), draw.integers(0, 50, rows).astype(float)])
    values[::7, 0] = np.nan
    hours, weekdays, dates = draw.integers(0, 24, rows), draw.integers(0, 7, rows), draw.integers(0, 30, rows)
    told = drift_reference(["distance", "leaf"], [False, True], values, hours, weekdays, dates)
    return read_reference(json.dumps(told).encode())


REFERENCE = reference()
ROWS = st.lists(
    st.tuples(
        st.one_of(st.just(float("nan")), st.floats(-1e7, 1e7)), st.one_of(st.just(float("nan")), st.integers(0, 70))
    ),
    min_size=1,
    max_size=60,
)


def folded(rows: np.ndarray, covers: int = 9) -> Register:
    register = Register(KEY, REFERENCE.served, REFERENCE.fingerprint)
    register.fold(REFERENCE.served, rows, 0, covers)
    return register


@given(rows=ROWS, cuts=st.lists(st.integers(0, 60), max_size=5), order=st.randoms(use_true_random=False))
def test_any_cut_order_and_merge_gives_the_same_bytes(rows, cuts, order):
    values = np.array(rows, float)
    whole = folded(values)
    shuffled = list(range(len(values)))
    order.shuffle(shuffled)
    ends = sorted({0, len(values), *(min(cut, len(values)) for cut in cuts)})
    parts = [folded(values[shuffled[a:b]]) for a, b in zip(ends, ends[1:], strict=False)]
    order.shuffle(parts)
    again = merged(from_bytes(part.to_bytes()) for part in parts)
    assert again is not None
    assert again.to_bytes() == whole.to_bytes()


@given(rows=ROWS)
def test_mean_and_variance_are_those_of_exact_arithmetic_to_1e_9(rows):
    values = np.array(rows, float)
    register, column = folded(values), REFERENCE.served.columns[0]
    exact = [
        Fraction(max(-(2.0**20), min(2.0**20, (value - column.centre) / column.scale)))
        for value in values[:, 0]
        if not np.isnan(value)
    ]
    if not exact:
        assert register.known[0] == 0
        return
    mean = sum(exact) / len(exact)
    variance = sum((z - mean) ** 2 for z in exact) / len(exact)
    found, spread = register.moments(0)
    assert found == pytest.approx(float(mean), abs=1e-9)
    assert spread == pytest.approx(float(variance), rel=1e-9, abs=2e-9 * (1 + float(max(abs(z) for z in exact))))


@given(values=st.lists(st.integers(-(2**50), 2**50), min_size=1, max_size=50), more=st.integers(0, 2**20))
def test_sums_of_squares_are_exact_at_the_very_ends(values, more):
    first, second = fixed.sums(np.array([values], np.int64))
    assert (first, second) == ([sum(values)], [sum(value * value for value in values)])


def test_a_full_batch_of_the_largest_values_does_not_leave_64_bits():
    most = np.full((1, fixed.MOST_ROWS), 2**50, np.int64)
    assert fixed.sums(most) == ([fixed.MOST_ROWS * 2**50], [fixed.MOST_ROWS * 2**100])
    with pytest.raises(ValueError, match="got 4097"):
        fixed.sums(np.zeros((1, 4097), np.int64))


def test_counts_are_of_bins_of_listed_categories_and_of_what_training_never_saw():
    register = folded(np.array([[1e9, 3.0], [np.nan, 99.0], [6_000.0, np.nan]]))
    distance, leaf = REFERENCE.served.columns
    assert register.known.tolist() == [2, 2]
    assert register.unseen.tolist() == [1, 1]
    assert register.counts[len(distance.edges)] == 1
    assert register.counts.sum() == 4
    assert len(leaf.listed) == 30
    listed = leaf.listed.tolist()
    at = distance.width + (listed.index(3) if 3 in listed else 30)
    assert register.counts[at] >= 1
    assert register.counts[distance.width + 30] >= 1


@given(
    rows=st.lists(
        st.lists(st.sampled_from([np.nan, -5.0, 0.0, 0.5, 1.0, 2.0, 3.0, 7.0, 40.0]), min_size=4, max_size=4),
        min_size=1,
        max_size=30,
    )
)
def test_counts_of_all_columns_at_once_are_those_of_each_value_by_itself(rows):
    draw = np.random.default_rng(2)
    past = np.column_stack(
        [draw.integers(0, 8, 900), draw.integers(0, 3, 900), np.full(900, 2.0), draw.exponential(2.0, 900)]
    ).astype(float)
    zeros = np.zeros(900, np.int64)
    told = drift_reference(["whole", "kind", "constant", "real"], [False, True, False, False], past, zeros, zeros)
    columns = read_reference(json.dumps(told).encode()).served
    values = np.array(rows)
    known, unseen, _, _, counts = columns.count(values)
    for at, column in enumerate(columns.columns):
        here = values[~np.isnan(values[:, at]), at]
        of_column = counts[columns.offsets[at] : columns.offsets[at + 1]]
        assert known[at] == len(here)
        if column.kind == "number":
            code = [sum(edge <= value for edge in column.edges) for value in here]
            strange = sum(not column.low <= value <= column.high for value in here)
        else:
            listed = column.listed.tolist()
            code = [listed.index(value) if value in listed else len(listed) for value in here]
            strange = sum(value not in column.names.tolist() for value in here)
        assert unseen[at] == strange
        assert of_column.tolist() == np.bincount(np.array(code, int), minlength=column.width).tolist()


def test_memory_does_not_grow_with_the_number_of_values_and_categories():
    small, large = folded(np.array([[1.0, 1.0]])), Register(KEY, REFERENCE.served, REFERENCE.fingerprint)
    draw = np.random.default_rng(3)
    large.fold(REFERENCE.served, np.column_stack([draw.normal(0, 1e6, 200_000), np.arange(200_000)]), 0, 1)
    assert large.counts.shape == small.counts.shape
    assert len(large.to_bytes()) < 4 * len(small.to_bytes())


def test_registers_of_two_references_do_not_add_up():
    other = reference(seed=2)
    strange = Register(KEY, other.served, other.fingerprint)
    with pytest.raises(InvalidInput, match="do not merge"):
        folded(np.array([[1.0, 1.0]])).merge(strange)
    for data in (b"{}", b'{"schema": 7}', b"x"):
        with pytest.raises(InvalidInput):
            from_bytes(data)
