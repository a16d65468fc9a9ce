"""Cells and leaves of many points by tables are those of one point at a time, wherever the points lie."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from wayfare.domain.geo.cells import MAX_LEVEL, bounds, cells_of, morton, xy_of
from wayfare.domain.geo.quadtree import FINEST_LEVEL, build

PLACE = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
SPREAD = st.sampled_from([1e-6, 0.01, 0.3, 2.0, 90.0])


def around(place: tuple[float, float], spread: float, seed: int, count: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    lat, lon = (at + draw.normal(size=count) * spread for at in place)
    return np.clip(lat, -90, 90), np.clip(lon, -180, 180)


@given(PLACE, SPREAD, st.integers(0, 2**32), st.integers(1, MAX_LEVEL))
def test_many_points_get_the_cells_that_the_projection_gives(place, spread, seed, level):
    lat, lon = around(place, spread, seed)
    assert np.array_equal(cells_of(lat, lon, level), morton(*xy_of(lat, lon, level)))


@pytest.mark.parametrize("level", [12, 16, 20])
def test_points_on_the_very_border_of_a_cell_do_too(level):
    lat, lon = around((37.77, -122.42), 0.05, 1, 300)
    corners = [bounds(int(cell), level) for cell in cells_of(lat, lon, level)]
    south = np.array([at for _w, s, _e, n in corners for at in (s, np.nextafter(s, -90), np.nextafter(s, 90), n)])
    west = np.array([at for w, _s, e, _n in corners for at in (w, np.nextafter(w, -180), np.nextafter(w, 180), e)])
    assert np.array_equal(cells_of(south, west, level), morton(*xy_of(south, west, level)))


@settings(max_examples=25)
@given(PLACE, SPREAD, st.integers(0, 2**32), st.sampled_from([1, 20, 500]), st.integers(0, 30))
def test_many_codes_get_the_leaves_that_their_points_get(place, spread, seed, split, min_rows):
    lat, lon = around(place, spread, seed, 600)
    tree = build(lat[:300], lon[:300], split_above=split, min_rows=min_rows)
    expected = [tree.leaf(a, o) for a, o in zip(lat.tolist(), lon.tolist(), strict=True)]
    assert tree.leaves(cells_of(lat, lon, FINEST_LEVEL)).tolist() == expected


def test_places_that_cannot_be_leave_the_others_alone():
    lat, lon = around((37.77, -122.42), 0.05, 2)
    lat[5], lon[7], lon[9] = 1e300, 1e300, -1e300
    found = cells_of(lat, lon)
    assert np.array_equal(
        np.delete(found, [5, 7, 9]), morton(*xy_of(np.delete(lat, [5, 7, 9]), np.delete(lon, [5, 7, 9])))
    )
