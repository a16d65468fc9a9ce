"""The surge model's features of training rows: what each trip could see when its price was asked, and nothing later.

The feature functions are the front ends' own (`wayfare.domain.features`). This file finds what they look at: the
newest panes that were closed by then, the newest weather observation, the rider's aggregates as of the last
daily batch. It runs inside Spark's Python workers, one call per block of panes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from wayfare.domain.city import City, Place
from wayfare.domain.features.inputs import RiderHistory, SurgeInputs, Weather
from wayfare.domain.features.sets import Feature, vector
from wayfare.domain.geo.cells import cell_of_point, cells_of, center, distance_m_point
from wayfare.domain.geo.quadtree import QuadTree
from wayfare.domain.geo.travel import TravelTable
from wayfare.domain.models.golden import Counts
from wayfare.domain.pricing.live import WEATHER_LIFE_MS
from wayfare.domain.streams.panes import LEVELS, PANE_MS, WINDOW_PANES
from wayfare.domain.streams.window import ArchivedWindow

LIVE_SOURCES = frozenset({"driver_pings", "dropoffs", "waiting"})
"""Sources of the features that a served prediction logs with the live window's values."""


def known_pane(asked_ms: int) -> int:
    """The newest pane that had closed when the price of a trip was asked: a pane's counts are known once its minute has ended."""
    return asked_ms // PANE_MS - 1


class PaneArchive:
    """Closed panes, to be asked for the window as it was.

    panes: columns gauge, topic, partition, pane, covers_offset, cells, counts. Each partition answers with its newest
    pane at most WINDOW_PANES old; of two registers of one pane the one that covers more of the log counts.
    """

    def __init__(self, panes: pd.DataFrame) -> None:
        self._partitions: dict[tuple[str, str, int], tuple[np.ndarray, list[Any], list[Any]]] = {}
        self._kept: tuple[int, ArchivedWindow | None] = (-1, None)
        ordered = panes.sort_values(["pane", "covers_offset"], kind="stable")
        for (gauge, topic, partition), part in ordered.groupby(["gauge", "topic", "partition"]):
            newest = part.drop_duplicates("pane", keep="last")
            key = (str(gauge), str(topic), int(partition))
            self._partitions[key] = (newest["pane"].to_numpy(), newest["cells"].tolist(), newest["counts"].tolist())

    def window(self, pane: int, city: City) -> ArchivedWindow | None:
        """The window as of a pane; None when no pane is recent enough. The last one is remembered."""
        if self._kept[0] != pane:
            counts = self.counts(pane)
            self._kept = (pane, None if counts is None else ArchivedWindow.from_counts(counts, city))
        return self._kept[1]

    def counts(self, pane: int) -> Counts | None:
        """Cells and counts of each level as of a pane, added over partitions; None when no pane is recent enough."""
        found: dict[str, list[tuple[Any, Any]]] = {}
        for (gauge, _, _), (panes, cells, counts) in self._partitions.items():
            at = int(np.searchsorted(panes, pane, "right")) - 1
            if gauge in LEVELS and at >= 0 and pane - panes[at] < WINDOW_PANES:
                found.setdefault(gauge, []).append((cells[at], counts[at]))
        if not found:
            return None
        return {
            gauge: (
                np.concatenate([np.asarray(cells, np.int64) for cells, _ in parts]),
                np.concatenate([np.asarray(counts, np.int64) for _, counts in parts]),
            )
            for gauge, parts in found.items()
        }


class WeatherArchive:
    """Weather observations, to be asked for the newest one near a place at some time."""

    def __init__(self, observed: pd.DataFrame) -> None:
        self._places: list[tuple[tuple[float, float], np.ndarray, list[Weather]]] = []
        cells = cells_of(observed["lat"].to_numpy(float), observed["lon"].to_numpy(float))
        for cell, part in observed.sort_values("t_ms").groupby(np.asarray(cells)):
            values = part[["temperature_c", "rain_mm", "humidity", "wind_ms"]].to_numpy(float)
            self._places.append(
                (center(int(cell)), part["t_ms"].to_numpy(), [Weather(*row) for row in values.tolist()])
            )

    def at(self, place: Place, t_ms: int) -> Weather | None:
        """As front ends choose it: the nearest place's newest observation that is not too old; None without one."""
        best: tuple[float, Weather] | None = None
        for where, times, observed in self._places:
            at = int(np.searchsorted(times, t_ms, "right")) - 1
            if at >= 0 and t_ms - times[at] <= WEATHER_LIFE_MS:
                away = distance_m_point(*place, *where)
                if best is None or away < best[0]:
                    best = (away, observed[at])
        return None if best is None else best[1]


@dataclass(frozen=True)
class Context:
    """What all rows of a training set share: the artifact's tree and travel table, weather, kinds of places."""

    city: City
    features: tuple[Feature, ...]
    tree: QuadTree
    travel: TravelTable
    weather: WeatherArchive
    place_kinds: Mapping[int, str]

    def inputs(self, row: Any, window: ArchivedWindow | None, rider: RiderHistory | None) -> SurgeInputs:
        """What the features of one trip may look at. row: has pickup and drop-off columns and asked_ms."""
        pickup, dropoff = Place(row.pickup_lat, row.pickup_lon), Place(row.dropoff_lat, row.dropoff_lon)
        local = self.city.local(row.asked_ms)
        sources = self.city.sources
        return SurgeInputs(
            pickup=pickup,
            dropoff=dropoff,
            local_hour=local.hour,
            local_weekday=local.weekday(),
            travel=self.travel,
            tree=self.tree,
            window=window,
            rider=rider if "riders" in sources else None,
            weather=self.weather.at(pickup, row.asked_ms) if "weather" in sources else None,
            place_kind=self.place_kinds.get(cell_of_point(*pickup)) if "place_kinds" in sources else None,
        )


def rider_of(row: Any) -> RiderHistory | None:
    """The rider's aggregates in a row that Spark joined; None for a trip without a rider."""
    if row.rider_id is None or row.days_seen is None or math.isnan(row.days_seen):
        return None
    return RiderHistory(
        bookings=_count(row.bookings),
        days_seen=int(row.days_seen),
        by_multiplier={float(level): int(count) for level, count in _pairs(row.by_multiplier)},
        by_pair={str(pair): int(count) for pair, count in _pairs(row.by_pair)},
    )


def _count(value: Any) -> int:
    return 0 if value is None or math.isnan(value) else int(value)


def _pairs(value: Any) -> Iterator[tuple[Any, Any]]:
    """Entries of a map column, which Arrow gives as a dictionary or as a list of pairs; none when the map is null."""
    if value is None or isinstance(value, float):
        return iter(())
    return iter(value.items() if isinstance(value, dict) else value)


def with_logged(features: Sequence[Feature], values: list[float], names: Any, logged: Any) -> list[float]:
    """Live features as they were served, where the trip's quote was logged: nothing knows better what serving saw."""
    if names is None or isinstance(names, float):
        return values
    served = dict(zip(names, logged, strict=True))
    return [
        served[feature.name] if feature.source in LIVE_SOURCES and feature.name in served else value
        for feature, value in zip(features, values, strict=True)
    ]


def features_of_block(trips: pd.DataFrame, panes: pd.DataFrame, context: Context) -> pd.DataFrame:
    """Features of the trips of one block: columns trip_id and features (a list in the order of `context.features`)."""
    archive = PaneArchive(panes)
    rows = []
    for row in trips.sort_values("asked_ms").itertuples(index=False):
        inputs = context.inputs(row, archive.window(known_pane(row.asked_ms), context.city), rider_of(row))
        values = vector(context.features, inputs)
        rows.append((row.trip_id, with_logged(context.features, values, row.logged_names, row.logged)))
    return pd.DataFrame(rows, columns=["trip_id", "features"])
