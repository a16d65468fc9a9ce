"""Keyed draws are functions of what they are asked for, and look random."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.market.draws import autoregressive, exponential, key_of, normal, pick, poisson, uniform, uniform_one

SEEDS = st.integers(0, 2**63 - 1)
NUMBERS = st.integers(0, 2**62)


@given(SEEDS, st.text(max_size=20), NUMBERS, st.integers(0, 2**31))
def test_one_draw_equals_the_same_draw_among_many(seed: int, stream: str, entity: int, counter: int) -> None:
    key = key_of(seed, stream)
    many = uniform(key, [entity, entity + 1], counter)
    assert many[0] == uniform_one(key, entity, counter)
    assert many[1] == uniform_one(key, entity + 1, counter)
    assert 0.0 < many[0] < 1.0


@given(SEEDS, st.lists(NUMBERS, min_size=2, max_size=20, unique=True), st.randoms())
def test_the_order_of_asking_changes_nothing(seed: int, entities: list[int], shuffler: object) -> None:
    key = key_of(seed, "order")
    order = list(range(len(entities)))
    shuffler.shuffle(order)
    drawn = uniform(key, entities, 3)
    again = uniform(key, [entities[i] for i in order], 3)
    assert [drawn[i] for i in order] == again.tolist()


def test_draws_are_uniform_and_unrelated_across_entities_counters_streams_and_seeds() -> None:
    n = 200_000
    base = uniform(key_of(1, "a"), np.arange(n), 0)
    counts = np.histogram(base, bins=64, range=(0, 1))[0]
    chi_square = float(((counts - n / 64) ** 2 / (n / 64)).sum())
    assert 25 < chi_square < 115  # 63 degrees of freedom: far outside 0.01 % on either side is a bug
    others = [
        uniform(key_of(1, "a"), np.arange(n) + 1, 0),
        uniform(key_of(1, "a"), np.arange(n), 1),
        uniform(key_of(1, "b"), np.arange(n), 0),
        uniform(key_of(2, "a"), np.arange(n), 0),
    ]
    for other in others:
        assert abs(float(np.corrcoef(base, other)[0, 1])) < 5 / np.sqrt(n)


def test_the_first_draws_of_a_seed_never_change() -> None:
    drawn = [round(uniform_one(key_of(7, "request"), entity, 0), 12) for entity in range(3)]
    assert drawn == [0.691880768175, 0.579353078028, 0.638172934797]


def test_normals_and_exponentials_have_their_moments() -> None:
    z = normal(key_of(3, "z"), np.arange(200_000), 0)
    assert abs(float(z.mean())) < 0.01
    assert abs(float(z.std()) - 1.0) < 0.01
    assert abs(float((z**3).mean())) < 0.05
    e = exponential(key_of(3, "e"), np.arange(200_000), 0)
    assert abs(float(e.mean()) - 1.0) < 0.01
    assert abs(float(e.std()) - 1.0) < 0.02


@pytest.mark.parametrize("mean", [0.05, 1.0, 12.0, 80.0])
def test_poisson_counts_have_the_mean_and_variance_of_their_law(mean: float) -> None:
    n = 50_000
    counts = poisson(np.full(n, mean), uniform(key_of(5, "poisson"), np.arange(n), 0))
    assert abs(float(counts.mean()) - mean) < 5 * np.sqrt(mean / n)
    assert abs(float(counts.var()) / mean - 1.0) < 0.06


def test_poisson_refuses_a_mean_at_which_inversion_underflows() -> None:
    with pytest.raises(ValueError, match="got 700"):
        poisson(np.array([700.0]), np.array([0.5]))


def test_pick_takes_the_first_share_that_reaches_the_draw() -> None:
    rows = np.array([[0.2, 0.2, 1.0]] * 4)
    assert pick(rows, np.array([0.1, 0.2, 0.21, 0.999999])).tolist() == [0, 0, 2, 2]


@given(SEEDS, st.integers(-(10**6), 10**6), st.integers(1, 50), st.integers(0, 40))
def test_a_series_does_not_depend_on_where_it_is_asked_from(seed: int, first: int, steps: int, skip: int) -> None:
    key = key_of(seed, "series")
    whole = autoregressive(key, first, steps + skip, 0.9, 60)
    part = autoregressive(key, first + skip, steps, 0.9, 60)
    assert np.array_equal(np.round(whole[skip:], 9), np.round(part, 9))


def test_a_series_has_unit_variance_and_its_persistence() -> None:
    series = autoregressive(key_of(9, "series"), 0, 200_000, 0.9, 100)
    assert abs(float(series.std()) - 1.0) < 0.03
    assert abs(float(np.corrcoef(series[1:], series[:-1])[0, 1]) - 0.9) < 0.01
