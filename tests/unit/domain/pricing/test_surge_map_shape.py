import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.errors import InvalidInput
from wayfare.domain.geo.cells import cell_of_point
from wayfare.domain.pricing.surge_map import (
    MapCell,
    SurgeMap,
    cell_box,
    features,
    from_json,
    overlaps,
    parse_box,
    to_json,
)

LAT, LON = st.floats(-80, 80), st.floats(-179.9, 179.9)
CELL = st.builds(cell_of_point, LAT, LON)
MAP_CELL = st.builds(
    MapCell, CELL, st.sampled_from([1.0, 1.5]), st.just(1.5), st.just("model"), st.integers(0, 99), st.integers(0, 99)
)
MAP = st.builds(
    SurgeMap, st.just("sf"), st.integers(0, 10**13), st.none() | st.integers(0, 10**13), st.tuples(MAP_CELL)
)


@given(MAP)
def test_a_map_comes_back_from_its_json(surge_map):
    assert from_json(to_json(surge_map)) == surge_map


@given(LAT, LON, st.floats(1e-6, 40), st.floats(1e-6, 40))
def test_a_box_around_a_point_shows_its_cell(lat, lon, width, height):
    one = SurgeMap("sf", 1, 1, (MapCell(cell_of_point(lat, lon), 1.0, 1.0, "model", 1, 0),))
    west, east = lon - width, lon + width
    box = (
        west if west >= -180 else west + 360,
        max(-90.0, lat - height),
        east if east <= 180 else east - 360,
        min(90.0, lat + height),
    )
    (feature,) = features([one], box)
    ring = feature["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(ring, ring[1:], strict=False)) > 0


@given(CELL)
def test_a_box_far_away_shows_nothing(cell):
    west, south, east, north = cell_box(cell)
    assert not overlaps((west, min(90.0, north + 1), east, min(90.0, north + 2)), cell_box(cell)) or north > 88


def test_equal_content_is_equal_whenever_it_was_computed():
    cells = (MapCell(1, 1.0, 1.0, "model", 2, 3),)
    assert SurgeMap("sf", 1, 1, cells).content == SurgeMap("sf", 2, 2, cells).content
    assert SurgeMap("sf", 1, 1, cells).content != SurgeMap("sf", 1, 1, ()).content


@pytest.mark.parametrize("raw", [{}, {"schema": 2}, {"schema": 1, "city": "sf"}])
def test_what_is_no_map_is_refused(raw):
    with pytest.raises(InvalidInput, match="got"):
        from_json(raw)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "0,1,0,0", "0,0,181,1", "nan,nan,nan,nan"])
def test_what_is_no_box_is_refused(text):
    with pytest.raises(InvalidInput):
        parse_box(text)
