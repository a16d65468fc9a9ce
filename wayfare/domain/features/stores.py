"""Where features are kept: riders' and cells' for serving, training rows' for training.

The daily batch writes; front ends and the training read. Each rider's aggregates carry the day they are as of, and the
batch also writes the history of nobody (`NOBODY`): what a rider who never booked has. A reader that finds no rider of
the newest day answers with it, so that zero bookings and a batch that never ran are told apart.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from wayfare.domain.city import Place
from wayfare.domain.features.inputs import RiderHistory

NOBODY = "*"
"""Stands for every rider without bookings; no rider's id can be this."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CellFeatures:
    """What the daily batch knows of a level-16 cell. median_dropoff: where the median trip from here ends."""

    place_kind: str | None
    median_dropoff: Place | None
    trips: int


class RiderStore(Protocol):
    """Riders' 30-day aggregates as of the last daily batch."""

    def write(self, city: str, as_of: dt.date, days_seen: int, histories: Mapping[str, RiderHistory]) -> None:
        """Replace the riders' aggregates, and that of nobody; StoreUnavailable when not all could be written."""

    def read(self, city: str, rider_id: str, timeout_s: float) -> RiderHistory | None:
        """The rider's aggregates, zeros when the batch did not see the rider; None when there was no batch.

        StoreUnavailable when the store does not answer in time.
        """


class CellStore(Protocol):
    """What is known of a city's cells."""

    def write_cells(self, city: str, as_of: dt.date, cells: Mapping[int, CellFeatures]) -> None:
        """Replace all cells of a city; StoreUnavailable when not all could be written."""

    def read_cells(self, city: str) -> dict[int, CellFeatures]:
        """All cells of a city, by level-16 id; StoreUnavailable when the store does not answer."""


class TrainingFeatures(Protocol):
    """Features of training rows in long form: (trip_id, feature_id, feature_name, value)."""

    def write_rows(self, trip_ids: Sequence[str], names: Sequence[str], values: Matrix) -> int:
        """Replace the features of trips (float64 [trips, names], NaN where missing); how many values were written."""

    def read_rows(self, trip_ids: Sequence[str], names: Sequence[str]) -> Matrix:
        """The features of trips, float64 [trips, names]; NaN where none is stored.

        StoreUnavailable when not all could be read.
        """
