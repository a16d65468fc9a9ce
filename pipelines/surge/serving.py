"""What serving needs of the daily batch: riders' aggregates and cells' features, to Cassandra and to Redis."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import redis

from pipelines.surge import aggregates
from pipelines.surge.feature_engineering import rider_of
from pipelines.surge.settings import SurgeSettings
from wayfare.adapters.cassandra_features import CassandraFeatures
from wayfare.adapters.cassandra_session import connect
from wayfare.adapters.redis_features import RedisFeatures
from wayfare.domain.city import City, Place
from wayfare.domain.features.inputs import RiderHistory
from wayfare.domain.features.stores import CellFeatures
from wayfare.domain.times import DAY_MS


@dataclass(frozen=True)
class Batch:
    """One daily batch of a city: as of the start of a local day, of the `days_seen` of 30 days that had data."""

    as_of: dt.date
    days_seen: int
    riders: Mapping[str, RiderHistory]
    cells: Mapping[int, CellFeatures]


def compute(session: Any, city: City, last_ms: int, place_kinds: Mapping[int, str]) -> Batch:
    """The batch as of the local day of `last_ms`; needs the views of `aggregates`."""
    as_of = city.local(last_ms).date()
    session.sql("UNCACHE TABLE IF EXISTS booked_before")
    session.sql(f"""
        CREATE OR REPLACE TEMPORARY VIEW serving_riders AS
        SELECT DISTINCT rider_id, date'{as_of}' AS as_of FROM bookings
        WHERE booked_day >= date_sub(date'{as_of}', {aggregates.DAYS}) AND known_day < date'{as_of}'""")
    riders = aggregates.aggregate(session, "serving_riders").toPandas()
    histories = {str(row.rider_id): rider_of(row) for row in riders.itertuples(index=False)}
    days_seen = session.sql(f"""
        SELECT count(*) FROM known_days
        WHERE day >= date_sub(date'{as_of}', {aggregates.DAYS}) AND day < date'{as_of}'""").first()[0]
    found = aggregates.cells(session, city, last_ms - aggregates.DAYS * DAY_MS).toPandas()
    return Batch(
        as_of,
        int(days_seen),
        {rider: history for rider, history in histories.items() if history is not None},
        _cells(found, place_kinds if "place_kinds" in city.sources else {}),
    )


def _cells(found: pd.DataFrame, place_kinds: Mapping[int, str]) -> dict[int, CellFeatures]:
    cells = {
        int(row.cell): CellFeatures(place_kinds.get(int(row.cell)), Place(row.lat, row.lon), int(row.trips))
        for row in found.itertuples(index=False)
    }
    return {cell: CellFeatures(kind, None, 0) for cell, kind in place_kinds.items()} | cells


def store(settings: SurgeSettings, city: City, batch: Batch) -> None:
    """Write a batch to both stores; Cassandra first, because it is the one that Redis is rebuilt from."""
    session = connect(settings)
    client = redis.Redis.from_url(
        settings.redis_url,
        socket_timeout=settings.redis_timeout_seconds,
        socket_connect_timeout=settings.redis_timeout_seconds,
    )
    try:
        for target in (CassandraFeatures(session), RedisFeatures(client)):
            if "riders" in city.sources:
                target.write(city.id, batch.as_of, batch.days_seen, batch.riders)
            target.write_cells(city.id, batch.as_of, batch.cells)
    finally:
        session.close()
        client.close()
