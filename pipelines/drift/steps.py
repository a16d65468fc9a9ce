"""Recorded rows through the drift monitor's rules: reference, registers, judgement, page."""

from __future__ import annotations

import datetime as dt
import json
import math
import pathlib
import zoneinfo
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wayfare.adapters.json_predictions import Served, comparable, matrix, served_of
from wayfare.domain.city import City, Place
from wayfare.domain.drift.columns import Reference, read_reference
from wayfare.domain.drift.judgement import judgement_of
from wayfare.domain.drift.monitor import Monitor
from wayfare.domain.drift.page import page
from wayfare.domain.drift.register import BUCKET_MS, Key, Register
from wayfare.domain.errors import InvalidInput
from wayfare.domain.features.inputs import SurgeInputs
from wayfare.domain.features.sets import SURGE, vector
from wayfare.domain.geo import quadtree, travel
from wayfare.domain.geo.cells import quadkey
from wayfare.domain.geo.quadtree import QuadTree
from wayfare.domain.models.reference import drift_reference

NAMES = tuple(feature.name for feature in SURGE)
NO_ROWS = "no prediction is of this city and of the model that was served last, got {}"


def read_predictions(path: pathlib.Path, city: City) -> list[Served]:
    """Served predictions of a city, in time: a folder or file of Parquet as landed, or JSON lines as logged."""
    if path.suffix in (".jsonl", ".ndjson", ".json"):
        lines = path.read_bytes().splitlines()
        rows = [served_of(number, line) for number, line in enumerate(lines) if line.strip()]
        rows = [row for row in rows if row.city == city.id]
    else:
        rows = [_landed(number, raw, city) for number, raw in enumerate(pq.read_table(path).to_pylist())]
    return sorted(rows, key=lambda row: row.t_ms)


def _landed(number: int, raw: dict[str, Any], city: City) -> Served:
    return Served(
        offset=number,
        city=city.id,
        model=raw["model"],
        version=raw["version"],
        t_ms=raw["t_ms"],
        names=tuple(raw["feature_names"]),
        features=raw["features"],
        at_least=raw["at_least"] or None,
        multiplier=raw["multiplier"],
        stale=bool(raw["degraded"]),
        named=raw["rider"] is not None,
    )


def judge(reference: Reference, city: City, rows: Sequence[Served], now_ms: int) -> tuple[Monitor, dict[str, Any]]:
    """All rows of the model and version that came last, in order of time; InvalidInput without any that can be compared."""
    if not rows:
        raise InvalidInput(NO_ROWS.format("none"))
    model, version = rows[-1].model, rows[-1].version
    by_bucket: dict[int, list[Served]] = {}
    for row in rows:
        if (row.model, row.version) == (model, version) and comparable([row], reference):
            by_bucket.setdefault(row.t_ms // BUCKET_MS, []).append(row)

    if not by_bucket:
        raise InvalidInput(f"the reference knows only riders' trips, and no quote is a rider's, got {len(rows)} rows")

    def part_at(bucket: int) -> tuple[int, int]:
        local = city.local(bucket * BUCKET_MS)
        return local.weekday(), local.hour

    monitor = Monitor(reference, part_at)
    for bucket in range(min(by_bucket), max(by_bucket) + 1):
        chosen = by_bucket.get(bucket)
        register = None
        if chosen:
            register = Register(Key("", 0, city.id, model, version, bucket), reference.served, reference.fingerprint)
            register.fold(reference.served, matrix(chosen, reference), sum(row.stale for row in chosen), bucket)
        monitor.take(bucket, register, None)
    return monitor, judgement_of(monitor, city.id, model, version, now_ms)


def html(judgement: dict[str, Any], tree: QuadTree | None) -> str:
    """The page of a judgement. tree: names the cells of leaves."""
    cells = {}
    if tree is not None:
        nodes = zip(tree.cell.tolist(), tree.level.tolist(), strict=True)
        cells = {str(node): quadkey(cell, level) for node, (cell, level) in enumerate(nodes)}
    city = judgement["city"]
    return page([(city, judgement["model"], judgement["version"], judgement["checks"], judgement)], {city: cells})


def of_trips(
    path: pathlib.Path, city: City, first: dt.date, days: int, reference_days: int, say: Callable[[str], None]
) -> tuple[Reference, list[Served], QuadTree]:
    """Recorded trips as quotes at their pickup: the reference of the first days, and the rows of those that follow.

    Tree and travel times are learned from the reference's days alone. What the recording does not hold (riders, weather,
    live supply, multipliers) is missing in both.
    """
    zone = zoneinfo.ZoneInfo(city.time_zone)
    starts = [int(dt.datetime.combine(first + dt.timedelta(n), dt.time(), zone).timestamp()) for n in range(days + 1)]
    split = starts[reference_days]
    told = pq.read_table(path)
    at = told["start_ts"].cast("int64")
    told = told.filter(pc.and_(pc.greater_equal(at, starts[0]), pc.less(at, starts[-1]))).sort_by("start_ts")
    trips = {name: told[name].to_numpy() for name in told.column_names if name != "cab"}
    if not len(told) or not (trips["start_ts"] < split).any():
        raise InvalidInput(f"no trip begins on the days of the reference, got {len(told)} from {first} on")
    say(f"{len(told)} trips; learning tree and travel times from {int((trips['start_ts'] < split).sum())} of them")
    moments = [city.local(int(t) * 1000) for t in trips["start_ts"]]
    hours = np.array([moment.hour for moment in moments])
    past = trips["start_ts"] < split
    pickup, dropoff = (trips["start_lat"], trips["start_lon"]), (trips["end_lat"], trips["end_lon"])
    lat, lon = (np.concatenate([a[past], b[past]]) for a, b in zip(pickup, dropoff, strict=True))
    tree = quadtree.build(lat, lon)
    nan = np.full(int(past.sum()), math.nan)
    table = travel.learn(
        (pickup[0][past], pickup[1][past]), (dropoff[0][past], dropoff[1][past]), hours[past],
        trips["path_km"][past] * 1000.0, trips["duration_s"][past], nan,
    )  # fmt: skip
    say("computing features")
    values = np.array(
        [
            vector(
                SURGE,
                SurgeInputs(
                    Place(*map(float, start)), Place(*map(float, end)), moment.hour, moment.weekday(), table, tree
                ),
            )
            for start, end, moment in zip(zip(*pickup, strict=True), zip(*dropoff, strict=True), moments, strict=True)
        ]
    )
    kinds = [feature.kind for feature in SURGE]
    weekdays = np.array([moment.weekday() for moment in moments])
    dates = np.array([moment.toordinal() for moment in moments])
    data = drift_reference(
        NAMES, [kind != "number" for kind in kinds], values[past], hours[past], weekdays[past], dates[past], kinds
    )
    served = [
        Served(n, city.id, f"surge-{city.id}", 0, int(t) * 1000, NAMES, row, None, math.nan, stale=False, named=False)
        for n, (t, row) in enumerate(zip(trips["start_ts"][~past], values[~past].tolist(), strict=True))
    ]
    return read_reference(json.dumps(data).encode()), served, tree
