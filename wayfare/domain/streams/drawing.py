"""A city's cells as lines of text, for a terminal."""

from __future__ import annotations

import numpy as np

from wayfare.domain.city import City
from wayfare.domain.geo.cells import demorton, xy_of_point
from wayfare.domain.streams.window import Cells

MOST = 32
"""Most tiles beside each other; a tile is a square of whole cells, and two characters, which together are about a square."""
MARKS = " .:-=+*#%@"


def drawn(city: City, cabs: Cells, waiting: Cells) -> list[list[tuple[str, bool]]]:
    """Lines from north to south of (two characters, True where more wait than cabs are available), over the city's box.

    The mark grows with the logarithm of the cabs, the busiest tile having the last. Cells outside the box are left out.
    """
    west, south, east, north = city.bbox()
    (left, top), (right, bottom) = xy_of_point(north, west), xy_of_point(south, east)
    wide, high = right - left + 1, bottom - top + 1
    side = max(1, -(-max(wide, high) // MOST))

    def laid(cells: Cells) -> np.ndarray:
        x, y = demorton(cells[0])
        x, y = x - left, y - top
        inside = (x >= 0) & (x < wide) & (y >= 0) & (y < high)
        grid = np.zeros((-(-high // side), -(-wide // side)))
        np.add.at(grid, (y[inside] // side, x[inside] // side), cells[1][inside])
        return grid

    available, wait = laid(cabs), laid(waiting)
    shades = np.ceil(np.log1p(available) / np.log1p(max(1.0, available.max())) * (len(MARKS) - 1)).astype(int)
    return [
        [(2 * MARKS[max(1, shade) if short else shade], short) for shade, short in zip(line, lacks, strict=True)]
        for line, lacks in zip(shades.tolist(), (wait > available).tolist(), strict=True)
    ]
