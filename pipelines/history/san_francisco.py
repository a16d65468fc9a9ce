"""Real trips of San Francisco cabs into the lake, with semi-synthetic prices.

The recording (cabspotting; Piorkowski, Sarafijanovic-Djukic, Grossglauser, 2009) holds occupied runs of cabs and
nothing of riders, fares or multipliers. The multiplier of each trip comes from the simulator's historical rule, looking at
the same market: pickups of the last ten minutes, and cabs that stand free since their last drop-off, within 5 km. Such
rows say so in `price_source`, and whatever is learned from them is semi-synthetic wherever it is shown. There are no
pings before the replay, so there are no archived panes: the live features of these trips are missing, not zero.
"""

from __future__ import annotations

import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.history import loaded
from pipelines.history.loaded import Loaded
from wayfare.adapters.parquet_partitions import local_days, write_partitions
from wayfare.adapters.parquet_tables import TRIPS
from wayfare.domain.city import City
from wayfare.domain.errors import InvalidInput
from wayfare.domain.features.definition import definition_hash
from wayfare.domain.features.inputs import RADIUS_M
from wayfare.domain.geo.cells import distance_m
from wayfare.domain.market.pricing_rule import Conditions, HistoricalRule
from wayfare.domain.models.labels import SEMI_SYNTHETIC
from wayfare.domain.pricing.fare import base_fare_minor, price_minor
from wayfare.domain.times import HOUR_MS, MINUTE_MS
from wayfare.domain.trip_rules import broken_rules

ORIGIN = "san-francisco"
RECENT_MS = 10 * MINUTE_MS
FREE_MS = 45 * MINUTE_MS
"""A cab that began no trip for this long after a drop-off is taken to have gone off duty."""
_COLUMNS = ["cab", "start_ts", "end_ts", "start_lat", "start_lon", "end_lat", "end_lon", "path_km"]


def load(lake: pathlib.Path, city: City, path: pathlib.Path, before_ms: int, seed: int) -> Loaded:
    """Load the trips that ended before `before_ms`, the first instant of the replay; once per file, seed and rule."""
    if not path.is_file():
        raise InvalidInput(f"the recorded trips (sf_cab_trips_2008.parquet) are needed, got no file {path}")
    key = {
        "sha256": loaded.file_hash(path),
        "before_ms": before_ms,
        "seed": seed,
        "rule": definition_hash(HistoricalRule),
        "free_ms": FREE_MS,
    }
    known = loaded.find(lake, city.id, ORIGIN)
    if known is not None and known.key == key:
        return known
    recorded = pq.read_table(path, columns=_COLUMNS)
    recorded = recorded.filter(pa.array(recorded["end_ts"].to_numpy().astype(np.int64) * 1000 < before_ms)).sort_by(
        "start_ts"
    )
    trips = _trips(recorded, city, seed)
    rules = broken_rules(
        {
            name: trips[name].to_pylist() if name == "trip_id" else trips[name].to_numpy().astype(np.float64)
            for name in (
                "trip_id",
                "pickup_lat",
                "pickup_lon",
                "dropoff_lat",
                "dropoff_lon",
                "started_at_ms",
                "ended_at_ms",
            )
        },
        city,
        before_ms,
    )
    bad = np.any(list(rules.values()), axis=0)
    trips = trips.filter(pa.array(~bad))
    files = write_partitions(lake, "trips", city.id, local_days(trips["started_at_ms"], city.time_zone), trips, ORIGIN)
    rows = {"trips": trips.num_rows, "rejected": int(bad.sum())}
    rows |= {f"rejected:{reason}": int(broken.sum()) for reason, broken in rules.items() if broken.any()}
    done = Loaded(city.id, ORIGIN, key, before_ms, rows, [str(file.relative_to(lake)) for file in files])
    loaded.remember(lake, done)
    return done


def _trips(recorded: pa.Table, city: City, seed: int) -> pa.Table:
    n = recorded.num_rows
    started, ended = (recorded[name].to_numpy().astype(np.int64) * 1000 for name in ("start_ts", "end_ts"))
    lat, lon, lat2, lon2 = (
        recorded[name].to_numpy().astype(np.float64) for name in ("start_lat", "start_lon", "end_lat", "end_lon")
    )
    cabs = recorded["cab"].cast(pa.string()).to_pylist()
    metres = np.rint(recorded["path_km"].to_numpy().astype(np.float64) * 1000).astype(np.int64)
    found = semi_synthetic(city, np.array(cabs), started, ended, (lat, lon), (lat2, lon2), seed)
    # Until the recording has run for a while it does not tell which cabs stand free.
    multipliers = [
        None if moment < started[0] + FREE_MS else value
        for moment, value in zip(started.tolist(), found.tolist(), strict=True)
    ]
    base = [
        base_fare_minor(city.tariff, int(distance), int(seconds))
        for distance, seconds in zip(metres, (ended - started) // 1000, strict=True)
    ]
    columns = {
        "trip_id": [f"sf-{cab}-{moment}" for cab, moment in zip(cabs, (started // 1000).tolist(), strict=True)],
        "pickup_lat": lat,
        "pickup_lon": lon,
        "dropoff_lat": lat2,
        "dropoff_lon": lon2,
        "started_at_ms": started,
        "ended_at_ms": ended,
        "driver_id": [f"cab-{cab}" for cab in cabs],
        "distance_m": metres,
        "ride_type": [city.ride_types[0]] * n,
        "surge_multiplier": multipliers,
        "base_fare_minor": base,
        "total_fare_minor": [
            None if m is None else price_minor(fare, m) for fare, m in zip(base, multipliers, strict=True)
        ],
        "currency": [city.currency] * n,
        "price_source": [None if m is None else SEMI_SYNTHETIC for m in multipliers],
    }
    return pa.table([pa.array(columns.get(field.name, [None] * n), field.type) for field in TRIPS], TRIPS)


def semi_synthetic(
    city: City,
    cabs: np.ndarray,
    started: np.ndarray,
    ended: np.ndarray,
    pickup: tuple[np.ndarray, np.ndarray],
    dropoff: tuple[np.ndarray, np.ndarray],
    seed: int,
) -> np.ndarray:
    """The historical rule's multiplier of each trip, sorted by `started`, from pickups and free cabs at that moment."""
    if not len(started):
        return np.zeros(0)
    noise = np.random.default_rng(seed).normal(size=len(started))
    first = int(started[0])
    rule = HistoricalRule(seed, first, int((started[-1] - first) // HOUR_MS) + 2)
    oldest = np.searchsorted(started, started - RECENT_MS)
    next_start = _next_start(cabs, started)
    by_end = np.argsort(ended, kind="stable")
    ended_sorted = ended[by_end]
    multipliers = np.empty(len(started))
    for row, moment in enumerate(started.tolist()):
        recent = slice(int(oldest[row]), row)
        low, high = np.searchsorted(ended_sorted, (moment - FREE_MS, moment), "right")
        free = by_end[low:high]
        free = free[next_start[free] > moment]
        here = pickup[0][row], pickup[1][row]
        local = city.local(moment)
        multipliers[row] = rule.multiplier(
            Conditions(
                waiting=0.0,
                recent=float((distance_m(*here, pickup[0][recent], pickup[1][recent]) < RADIUS_M).sum()),
                available=float((distance_m(*here, dropoff[0][free], dropoff[1][free]) < RADIUS_M).sum()),
                dropping=0.0,
                wet=0.0,
                event=0.0,
                hour=local.hour + local.minute / 60.0,
                weekday=local.weekday(),
                kind="other",
                t_ms=moment,
                z=float(noise[row]),
            )
        )
    return multipliers


def _next_start(cabs: np.ndarray, started: np.ndarray) -> np.ndarray:
    """When each trip's cab begins its next trip; the end of time for its last."""
    found = np.full(len(started), np.iinfo(np.int64).max)
    order = np.lexsort((started, cabs))
    same = cabs[order][1:] == cabs[order][:-1]
    found[order[:-1][same]] = started[order[1:][same]]
    return found
