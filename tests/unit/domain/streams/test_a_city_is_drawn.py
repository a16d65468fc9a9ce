"""A city's cells as text: north above, more cabs a darker mark, short of cabs told."""

from __future__ import annotations

import numpy as np

from local import cities
from wayfare.domain.city import Place
from wayfare.domain.geo.cells import cell_of_point
from wayfare.domain.streams.drawing import MARKS, MOST, drawn

CITY = cities.load("sim")


def cells(*counted: tuple[Place, int]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([cell_of_point(*place) for place, _ in counted], np.int64),
        np.array([count for _, count in counted], np.int64),
    )


def test_places_lie_where_they_are_and_the_busiest_is_darkest():
    west, south, east, north = CITY.bbox()
    corner, low = Place(north - 1e-5, west + 1e-5), Place(south + 1e-5, east - 1e-5)
    middle = Place((south + north) / 2, (west + east) / 2)
    lines = drawn(CITY, cells((corner, 1), (middle, 80), (Place(0.0, 0.0), 900)), cells((low, 2), (middle, 3)))
    assert len(lines) <= MOST
    assert len({len(line) for line in lines}) == 1
    assert lines[0][0] in [(2 * mark, False) for mark in MARKS[1:4]]
    assert lines[-1][-1] == (2 * MARKS[1], True)
    darkest = [(y, x) for y, line in enumerate(lines) for x, tile in enumerate(line) if tile == (2 * MARKS[-1], False)]
    assert len(darkest) == 1
    assert abs(darkest[0][0] - len(lines) / 2) <= 1
    assert abs(darkest[0][1] - len(lines[0]) / 2) <= 1
    assert sum(mark != "  " for line in lines for mark, _ in line) == 3


def test_an_empty_window_is_an_empty_map():
    lines = drawn(CITY, cells(), cells())
    assert {tile for line in lines for tile in line} == {("  ", False)}
