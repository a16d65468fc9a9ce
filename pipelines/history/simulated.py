"""The simulated city's history into the lake: trips, panes, weather and kinds of places, generated once and reused."""

from __future__ import annotations

import datetime as dt
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.history import loaded
from pipelines.history.loaded import Loaded
from wayfare.adapters.parquet_partitions import local_days, write_partitions
from wayfare.adapters.parquet_tables import PANES, TRIPS, WEATHER
from wayfare.domain.city import City
from wayfare.domain.features.definition import definition_hash
from wayfare.domain.market.history import History, generate_history
from wayfare.domain.market.panes import PaneColumns
from wayfare.domain.streams.panes import GAUGE_TOPIC, PANE_MS

ORIGIN = "simulated"
_WEEKDAY, _HOUR, _MINUTE = 4, 17, 30


def default_end_ms(city: City, wall_ms: int) -> int:
    """Where a new history ends: where the city's own clock began, so that live time goes on from it.

    A city on wall time gets the newest Friday 17:30 of its local time before `wall_ms`, a rush hour.
    """
    if not city.clock.is_wall:
        return city.clock.city_anchor_ms
    now = city.local(wall_ms)
    friday = now.replace(hour=_HOUR, minute=_MINUTE, second=0, microsecond=0)
    friday -= dt.timedelta(days=(now.weekday() - _WEEKDAY) % 7)
    if friday > now:
        friday -= dt.timedelta(days=7)
    return int(friday.timestamp() * 1000)


def load(
    lake: pathlib.Path,
    city: City,
    seed: int,
    days: int,
    trips: int,
    wall_ms: int,
    end_ms: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Loaded:
    """Generate the history that ends at `end_ms`, unless the lake holds one of the same seed, size, city and code.

    end_ms: city time in ms; None keeps the end of the history that is there, and ends a new one at `default_end_ms`.
    """
    key = {
        "seed": seed,
        "days": days,
        "trips": trips,
        "market": definition_hash(generate_history),
        "boundary": [list(corner) for corner in city.boundary],
        "tariff": [city.tariff.flag_minor, city.tariff.per_km_minor, city.tariff.per_minute_minor],
    }
    known = loaded.find(lake, city.id, ORIGIN)
    if known is not None and known.key == key and end_ms in (None, known.end_ms):
        return known
    end_ms = default_end_ms(city, wall_ms) if end_ms is None else end_ms
    history = generate_history(city, seed, end_ms, days, trips, progress)
    done = Loaded(city.id, ORIGIN, key, history.end_ms, _rows(history), _write(lake, city, history))
    loaded.remember(lake, done)
    return done


def _rows(history: History) -> dict[str, int]:
    return {
        "trips": len(history.trips["trip_id"]),
        "panes": sum(len(part.panes) for part in history.panes.values()),
        "weather": len(history.weather["t_ms"]),
    }


def _write(lake: pathlib.Path, city: City, history: History) -> list[str]:
    trips, weather = pa.table(dict(history.trips), TRIPS), pa.table(dict(history.weather), WEATHER)
    panes = pa.concat_tables([_pane_rows(gauge, part) for gauge, part in history.panes.items()])
    start_of_pane = pa.array(panes["pane"].to_numpy() * PANE_MS)
    files = write_partitions(lake, "trips", city.id, local_days(trips["started_at_ms"], city.time_zone), trips, ORIGIN)
    files += write_partitions(lake, "panes", city.id, local_days(start_of_pane, city.time_zone), panes, ORIGIN)
    files += write_partitions(lake, "weather", city.id, local_days(weather["t_ms"], city.time_zone), weather, ORIGIN)
    files.append(write_place_kinds(lake, city, history.place_kinds))
    return [str(path.relative_to(lake)) for path in files]


def _pane_rows(gauge: str, part: PaneColumns) -> pa.Table:
    n = len(part.panes)
    columns: dict[str, Any] = {
        "gauge": pa.array([gauge]).take(pa.array(np.zeros(n, np.int64))),
        "topic": pa.array([GAUGE_TOPIC[gauge]]).take(pa.array(np.zeros(n, np.int64))),
        "partition": np.zeros(n, np.int32),
        "pane": part.panes,
        "covers_offset": np.full(n, -1, np.int64),
        "log_time_ms": (part.panes + 1) * PANE_MS - 1,
        "total": np.add.reduceat(np.append(part.counts, 0), part.offsets[:-1]) * (np.diff(part.offsets) > 0),
        "cells": pa.ListArray.from_arrays(pa.array(part.offsets.astype(np.int32)), pa.array(part.cells)),
        "counts": pa.ListArray.from_arrays(pa.array(part.offsets.astype(np.int32)), pa.array(part.counts)),
    }
    return pa.table(columns, PANES)


def write_place_kinds(lake: pathlib.Path, city: City, kinds: Any) -> pathlib.Path:
    """Kinds of places by level-16 cell, as `<lake>/place_kinds/<city>.parquet`."""
    path = lake / "place_kinds" / f"{city.id}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"cell": pa.array(list(kinds), pa.int64()), "place_kind": list(kinds.values())}), path)
    return path


def read_place_kinds(lake: pathlib.Path, city: str) -> dict[int, str]:
    """What `write_place_kinds` wrote; empty for a city without kinds."""
    path = lake / "place_kinds" / f"{city}.parquet"
    if not path.exists():
        return {}
    table = pq.read_table(path)
    return dict(zip(table["cell"].to_pylist(), table["place_kind"].to_pylist(), strict=True))
