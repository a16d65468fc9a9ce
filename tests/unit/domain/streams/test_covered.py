"""The bias of circles, measured on points: known where it must be none, large where whole cells would make it so."""

from __future__ import annotations

import numpy as np
import pytest

from wayfare.domain.geo.cells import distance_m
from wayfare.domain.streams.covered import CIRCLES, measure


def scattered(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    return draw.uniform(37.70, 37.82, count), draw.uniform(-122.50, -122.38, count)


def test_the_exact_count_is_that_of_every_point_within_each_circle():
    lat, lon = scattered(50)
    told = measure(lat, lon, 3_000.0, circles=50)
    assert told.exact == sum(int((distance_m(a, o, lat, lon) <= 3_000.0).sum()) for a, o in zip(lat, lon, strict=True))


def test_the_bias_over_many_circles_is_within_one_percent():
    covered, exact = np.sum([measure(*scattered(3_000, seed), 5_000.0) for seed in range(10)], axis=0)
    assert covered == pytest.approx(exact, rel=0.01)


def test_points_all_in_the_middle_are_counted_without_error():
    told = measure(np.full(20, 37.77), np.full(20, -122.42), 5_000.0)
    assert told == (20 * CIRCLES, 20 * CIRCLES)


def test_points_at_the_rim_of_one_cell_show_what_a_cover_cannot_know():
    """All of a cell's points just beyond the rim: the cover counts a part of them, and the truth is none."""
    step = np.array([4.0, -4.0]) / 111_195.0
    lat = np.concatenate([[37.77], np.full(40, 37.77 + 5_000.0 / 111_195.0 + step[0])])
    lon = np.full(41, -122.42)
    told = measure(lat, lon, 5_000.0, circles=1)
    assert told.exact == 1
    assert told.covered > 2


def test_nothing_is_measured_without_a_point():
    assert measure(np.zeros(0), np.zeros(0), 5_000.0) is None
