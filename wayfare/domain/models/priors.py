"""Priors: the multiplier that is usual for a cell and hour, for when live data or the model is missing.

The prior is the median level of the training rows, read like the model's output: the highest level that at least half
of the rows reached. A cell with fewer than `MIN_ROWS` rows in an hour answers as its parent, down to level 12; then the
city in that hour answers, then the city.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.geo.cells import COUNTING_LEVEL, quadkey
from wayfare.domain.pricing.surge import LEVELS

SCHEMA = 1
FINEST_LEVEL = COUNTING_LEVEL
COARSEST_LEVEL = 12
MIN_ROWS = 15


@dataclass(frozen=True)
class Priors:
    """Usual multipliers. cells: by quadkey (levels 16 to 12) and hour, as `<quadkey>:<hour>`; hours: by hour; city: all."""

    cells: Mapping[str, float]
    hours: Mapping[int, float]
    city: float

    def multiplier(self, cell: int, hour: int) -> tuple[float, str]:
        """The usual multiplier of a level-16 cell in a local hour, and `prior:cell` or `prior:city`."""
        key = quadkey(cell)
        for level in range(FINEST_LEVEL, COARSEST_LEVEL - 1, -1):
            found = self.cells.get(f"{key[:level]}:{hour}")
            if found is not None:
                return found, "prior:cell"
        return self.hours.get(hour, self.city), "prior:city"

    def to_json(self) -> dict[str, Any]:
        """The file `priors.json` of an artifact."""
        return {
            "schema": SCHEMA,
            "city": self.city,
            "hours": {str(hour): value for hour, value in self.hours.items()},
            "cells": dict(self.cells),
        }


def learn(cells: npt.ArrayLike, hours: npt.ArrayLike, multipliers: npt.ArrayLike) -> Priors:
    """Priors of training rows: level-16 cells of the pickups, local hours 0-23, recorded multipliers.

    Without rows everything is 1.0, the price without surge.
    """
    cell, hour = np.asarray(cells, np.int64), np.asarray(hours, np.int64)
    reached = np.asarray(multipliers, np.float64)[:, None] >= np.asarray(LEVELS)[None, :]
    by_cell: dict[str, float] = {}
    for level in range(COARSEST_LEVEL, FINEST_LEVEL + 1):
        keys, medians = _medians(((cell >> (2 * (FINEST_LEVEL - level))) << 5) | hour, reached, MIN_ROWS)
        by_cell |= {f"{quadkey(key >> 5, level)}:{key & 31}": value for key, value in zip(keys, medians, strict=True)}
    by_hour = dict(zip(*_medians(hour, reached, MIN_ROWS), strict=True))
    _, whole = _medians(np.zeros_like(hour), reached, 1)
    return Priors(by_cell, by_hour, whole[0] if whole else LEVELS[0])


def _medians(
    groups: npt.NDArray[np.int64], reached: npt.NDArray[np.bool_], min_rows: int
) -> tuple[list[int], list[float]]:
    """Groups with at least `min_rows` rows, and the highest level that half of the rows of each reached."""
    keys, inverse, count = np.unique(groups, return_inverse=True, return_counts=True)
    share = np.stack([np.bincount(inverse, level, len(keys)) for level in reached.T], axis=1) / count[:, None]
    enough = count >= min_rows
    # Shares never increase along the levels, and all rows reach the first.
    median = np.asarray(LEVELS)[np.maximum((share >= 0.5).sum(axis=1) - 1, 0)]
    return keys[enough].tolist(), median[enough].tolist()


def from_json(data: bytes) -> Priors:
    """The priors in a `priors.json`; ArtifactRefused unless it is one of this schema with multipliers among the levels."""
    try:
        raw = json.loads(data)
        if raw["schema"] != SCHEMA:
            raise ArtifactRefused(f"priors.json must have schema {SCHEMA}, got {raw['schema']!r}")
        priors = Priors(
            {str(key): float(value) for key, value in raw["cells"].items()},
            {int(hour): float(value) for hour, value in raw["hours"].items()},
            float(raw["city"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactRefused(f"priors.json cannot be read: {error!r}, got {data[:80]!r}") from error
    strange = {priors.city, *priors.hours.values(), *priors.cells.values()} - set(LEVELS)
    if strange:
        raise ArtifactRefused(f"a prior is one of {LEVELS}, got {sorted(strange)}")
    return priors
