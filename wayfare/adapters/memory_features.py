"""The stores of features in memory: the twin of the Cassandra and Redis ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np

from wayfare.domain.features.inputs import RiderHistory
from wayfare.domain.features.stores import NOBODY, CellFeatures, Matrix


class MemoryFeatures:
    """RiderStore, CellStore and TrainingFeatures of one process."""

    def __init__(self) -> None:
        self._riders: dict[tuple[str, str], RiderHistory] = {}
        self._cells: dict[str, dict[int, CellFeatures]] = {}
        self._rows: dict[str, dict[int, tuple[str, float]]] = {}

    def write(self, city: str, as_of: dt.date, days_seen: int, histories: Mapping[str, RiderHistory]) -> None:
        """Replace the riders' aggregates, and that of nobody."""
        self._riders = {key: history for key, history in self._riders.items() if key[0] != city}
        self._riders |= {(city, rider): history for rider, history in histories.items()}
        self._riders[city, NOBODY] = RiderHistory(0, days_seen)

    def read(self, city: str, rider_id: str, timeout_s: float) -> RiderHistory | None:
        """The rider's aggregates, or nobody's, or None."""
        return self._riders.get((city, rider_id), self._riders.get((city, NOBODY)))

    def write_cells(self, city: str, as_of: dt.date, cells: Mapping[int, CellFeatures]) -> None:
        """Replace all cells of a city."""
        self._cells[city] = dict(cells)

    def read_cells(self, city: str) -> dict[int, CellFeatures]:
        """All cells of a city."""
        return dict(self._cells.get(city, {}))

    def write_rows(self, trip_ids: Sequence[str], names: Sequence[str], values: Matrix) -> int:
        """Replace the features of trips; how many values were written."""
        for trip_id, row in zip(trip_ids, values, strict=True):
            self._rows[trip_id] = {
                number: (name, float(value))
                for number, (name, value) in enumerate(zip(names, row, strict=True))
                if not np.isnan(value)
            }
        return int((~np.isnan(values)).sum())

    def read_rows(self, trip_ids: Sequence[str], names: Sequence[str]) -> Matrix:
        """The features of trips; NaN where none is stored."""
        found = np.full((len(trip_ids), len(names)), np.nan)
        column = {name: number for number, name in enumerate(names)}
        for row, trip_id in enumerate(trip_ids):
            for name, value in self._rows.get(trip_id, {}).values():
                if name in column:
                    found[row, column[name]] = value
        return found
