"""A circle's cover against counting points one by one."""

from __future__ import annotations

import numpy as np
import pytest

from wayfare.domain.geo.cells import cells_of, distance_m
from wayfare.domain.geo.cover import cells_of_cover, cover, kernel

RADIUS_M = 5_000.0


def _bias(find, lat0: float, lon0: float) -> tuple[float, float]:
    """Mean and worst relative error of covers against the true number of scattered points within circles."""
    draw = np.random.default_rng(7)
    lat, lon = lat0 + draw.uniform(-0.12, 0.12, 120_000), lon0 + draw.uniform(-0.16, 0.16, 120_000)
    cells, counts = np.unique(cells_of(lat, lon), return_counts=True)
    errors = []
    for _ in range(30):
        here = lat0 + draw.uniform(-0.05, 0.05), lon0 + draw.uniform(-0.05, 0.05)
        covered, weights = cells_of_cover(find(*here, RADIUS_M))
        at = np.searchsorted(cells, covered)
        at[at == len(cells)] = 0
        estimate = float((np.where(cells[at] == covered, counts[at], 0) * weights).sum())
        errors.append(estimate / float((distance_m(*here, lat, lon) <= RADIUS_M).sum()) - 1.0)
    return float(np.mean(errors)), float(np.abs(errors).max())


@pytest.mark.parametrize("find", [cover, kernel])
@pytest.mark.parametrize("place", [(37.77, -122.42), (-33.87, 151.2), (60.17, 24.94)])
def test_the_mean_bias_of_area_weights_is_within_half_a_percent(find, place):
    mean, worst = _bias(find, *place)
    assert abs(mean) < 0.005
    assert worst < 0.03


def test_counting_every_touched_cell_whole_would_be_biased_by_several_percent():
    def touched(lat: float, lon: float, radius_m: float):
        found = cover(lat, lon, radius_m)
        return found._replace(weights=(found.weights > 0).astype(np.float32))

    assert _bias(touched, 37.77, -122.42)[0] > 0.05


def test_a_cover_never_weighs_a_cell_above_one_and_its_middle_is_whole():
    weights = cover(37.77, -122.42, RADIUS_M).weights
    assert weights.min() >= 0.0
    assert weights.max() == 1.0
    assert weights[weights.shape[0] // 2, weights.shape[1] // 2] == 1.0


def test_a_kernel_is_the_cover_of_a_place_at_most_a_sixteenth_of_a_cell_away():
    exact, near = cover(37.77, -122.42, RADIUS_M), kernel(37.77, -122.42, RADIUS_M)
    assert float(near.weights.sum()) == pytest.approx(float(exact.weights.sum()), rel=0.002)
    assert abs(near.x0 - exact.x0) <= 1
    assert abs(near.y0 - exact.y0) <= 1
