"""The check that no training row saw the future: sampled rows are computed again from a history cut at the moment their price was asked.

The second computation shares the feature functions with the first and nothing else: it walks over trips, panes and
observations in plain Python, with everything removed that was not yet known. A feature that looked ahead, or that Spark
joined wrongly, differs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipelines.surge.aggregates import DAYS
from pipelines.surge.feature_engineering import Context, PaneArchive, WeatherArchive, known_pane
from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.features.inputs import RiderHistory, SurgeInputs
from wayfare.domain.features.rider import pair_key
from wayfare.domain.features.sets import vector
from wayfare.domain.models.golden import Counts
from wayfare.domain.streams.panes import PANE_MS

RELATIVE = 1e-6
_OUTCOMES = ("started_at_ms", "ended_at_ms", "distance_m", "wait_s", "surge_multiplier", "price_source", "teaches")
"""Columns of a trip that were not known when it was booked."""


@dataclass(frozen=True)
class Witness:
    """One trip with what was known when its price was asked: inputs of the features, and the counts of its window."""

    trip_id: str
    inputs: SurgeInputs
    counts: Counts | None
    features: list[float]


class Past:
    """A city's history, to be looked at as of a moment. panes: those around the moments that will be asked for."""

    def __init__(self, trips: pd.DataFrame, panes: pd.DataFrame, weather: pd.DataFrame, context: Context) -> None:
        self._context = context
        self._panes, self._weather = panes, weather
        self._ended = trips["ended_at_ms"].to_numpy(np.int64)
        days = pd.to_datetime(trips["ended_at_ms"], unit="ms", utc=True).dt.tz_convert(context.city.time_zone).dt.date
        self._known_days = np.array([day.toordinal() for day in days], np.int64)
        self._by_rider = {str(rider): part for rider, part in trips.groupby("rider_id")}

    def witness(self, row: Any) -> Witness:
        """The features of a trip from what was known when it was booked."""
        context, now = self._context, int(row.asked_ms)
        blind = row._replace(**{name: None for name in _OUTCOMES if hasattr(row, name)})
        panes = self._panes[(self._panes["pane"] + 1) * PANE_MS <= now]
        seen = self._weather[self._weather["t_ms"] <= now]
        archive = PaneArchive(panes)
        counts = archive.counts(known_pane(now))
        context = Context(
            context.city, context.features, context.tree, context.travel, WeatherArchive(seen), context.place_kinds
        )
        inputs = context.inputs(blind, archive.window(known_pane(now), context.city), self._rider(row.rider_id, now))
        return Witness(str(row.trip_id), inputs, counts, vector(context.features, inputs))

    def _rider(self, rider_id: Any, now: int) -> RiderHistory | None:
        if rider_id is None:
            return None
        city = self._context.city
        today = city.local(now).date()
        known = (self._ended < now) & (self._known_days < today.toordinal())
        days_seen = len(set(self._known_days[known & (self._known_days >= today.toordinal() - DAYS)].tolist()))
        total, by_multiplier, by_pair = 0, dict[float, int](), dict[str, int]()
        trips = self._by_rider.get(str(rider_id))
        for trip in () if trips is None else trips.itertuples(index=False):
            booked, ended = city.local(trip.asked_ms).date(), city.local(trip.ended_at_ms).date()
            if trip.ended_at_ms < now and ended < today and booked >= today - dt.timedelta(days=DAYS):
                total += 1
                pair = pair_key(trip.pickup_lat, trip.pickup_lon, trip.dropoff_lat, trip.dropoff_lon)
                by_pair[pair] = by_pair.get(pair, 0) + 1
                if trip.surge_multiplier == trip.surge_multiplier:
                    by_multiplier[trip.surge_multiplier] = by_multiplier.get(trip.surge_multiplier, 0) + 1
        return RiderHistory(total, days_seen, by_multiplier, by_pair)


def sample(rows: pd.DataFrame, number: int, seed: int) -> pd.DataFrame:
    """Rows to be checked, in order: trips whose live features were not logged when they were served."""
    eligible = rows[rows["quote_id"].isna()]
    return eligible.sample(min(number, len(eligible)), random_state=seed).sort_index()


def panes_needed(rows: pd.DataFrame, window: int) -> list[int]:
    """Panes around the moments that rows ask about, the minutes after them included so that a look ahead could show."""
    booked = rows["asked_ms"].to_numpy(np.int64) // PANE_MS
    return sorted({int(pane) + step for pane in booked for step in range(-window - 1, 2)})


def differences(stored: np.ndarray, witnesses: Sequence[Witness], names: Sequence[str]) -> dict[str, float]:
    """The share of rows in which each feature differs from its witness; features that never do are left out."""
    expected = np.array([witness.features for witness in witnesses]).reshape(len(witnesses), len(names))
    equal = np.isclose(stored, expected, rtol=RELATIVE, atol=1e-9, equal_nan=True)
    return {name: float(share) for name, share in zip(names, (~equal).mean(axis=0), strict=True) if share > 0}


def refuse_leaks(found: dict[str, float]) -> None:
    """ArtifactRefused when any feature of the training set is not what was known when the price was asked."""
    if found:
        listed = ", ".join(f"{name} in {share:.1%}" for name, share in found.items())
        raise ArtifactRefused(
            f"training features are not what was known when the price was asked: look for a join that sees the future, got {listed}"
        )
