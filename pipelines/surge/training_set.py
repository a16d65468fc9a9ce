"""The training set: which trips, what is learned before features can be computed, features in Cassandra, read back.

Rows are split by time: the newest part is the test, the newest part of the rest the validation. Everything that is
fitted (tree, travel table, priors, scaling, vocabularies) comes from what was known before the test began.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipelines.history.simulated import read_place_kinds
from pipelines.surge import aggregates
from pipelines.surge.feature_engineering import Context, WeatherArchive, features_of_block
from pipelines.surge.settings import SurgeSettings
from wayfare.adapters.cassandra_features import CassandraFeatures
from wayfare.adapters.cassandra_session import connect
from wayfare.adapters.parquet_partitions import local_days
from wayfare.domain.city import City
from wayfare.domain.errors import InvalidInput
from wayfare.domain.features.sets import SURGE
from wayfare.domain.geo import quadtree, travel
from wayfare.domain.geo.cells import cells_of
from wayfare.domain.models import priors
from wayfare.domain.models.labels import teaches
from wayfare.domain.models.priors import Priors
from wayfare.domain.models.reference import Outcomes
from wayfare.domain.pricing.ledger import BOOKED
from wayfare.domain.pricing.surge import LEVELS
from wayfare.domain.streams import panes as pane_rules
from wayfare.domain.streams.panes import PANE_MS, WINDOW_PANES
from wayfare.domain.times import DAY_MS

_COLUMNS = (
    "trip_id, pickup_lat, pickup_lon, dropoff_lat, dropoff_lon, asked_ms, ended_at_ms, started_at_ms, distance_m, "
    "wait_s, surge_multiplier, price_source, rider_id, quote_id"
)
_BLOCK_PANES = 1440
SLOT_MS = 5 * PANE_MS
FEWEST_ROWS = 200


@dataclass(frozen=True)
class Split:
    """Times (city ms) that part the rows: validation begins at validation_ms, the test at test_ms."""

    first_ms: int
    validation_ms: int
    test_ms: int
    last_ms: int

    def part(self, asked_ms: np.ndarray) -> np.ndarray:
        """0 training, 1 validation, 2 test for each row."""
        return (asked_ms >= self.validation_ms).astype(int) + (asked_ms >= self.test_ms)


def read_trips(session: Any, city: City) -> pd.DataFrame:
    """All trips of a city from Hive, once each, in order of asked_ms, with `hour` (local) and `teaches`."""
    aggregates.trips_view(session, city)
    trips = session.sql(f"SELECT {_COLUMNS} FROM city_trips").toPandas().sort_values("asked_ms", ignore_index=True)
    trips["hour"] = local_hours(trips["asked_ms"].to_numpy(np.int64), city)
    on_level = np.isin(trips["surge_multiplier"].to_numpy(float), LEVELS)
    sources = trips["price_source"].map({source: teaches(source) for source in trips["price_source"].dropna().unique()})
    trips["teaches"] = on_level & sources.where(trips["price_source"].notna(), teaches(None)).to_numpy(bool)
    return trips


def local_hours(ms: np.ndarray, city: City) -> np.ndarray:
    """Local hours, 0 to 23, of times in ms."""
    moments = pd.to_datetime(pd.Series(ms), unit="ms", utc=True).dt.tz_convert(city.time_zone)
    return moments.dt.hour.to_numpy(np.int64)


def local_weekdays(ms: np.ndarray, city: City) -> np.ndarray:
    """Local days of the week, 0 = Monday, of times in ms."""
    moments = pd.to_datetime(pd.Series(ms), unit="ms", utc=True).dt.tz_convert(city.time_zone)
    return moments.dt.weekday.to_numpy(np.int64)


def local_dates(ms: np.ndarray, city: City) -> np.ndarray:
    """The local day of each time in ms, as a number of days."""
    local = pd.to_datetime(pd.Series(ms), unit="ms", utc=True).dt.tz_convert(city.time_zone)
    return local.map(lambda moment: moment.toordinal()).to_numpy(np.int64)


def read_outcomes(session: Any, city: City, until_ms: int) -> Outcomes | None:
    """How quotes ended up to until_ms (city ms), each once, with its multiplier; None of too few to compare with."""
    ended = session.sql(f"""
        SELECT b.booked, b.t_ms, p.multiplier FROM
            (SELECT quote_id, max(outcome = '{BOOKED}') AS booked, min(t_ms) AS t_ms FROM wayfare.bookings
            WHERE city = '{city.id}' AND t_ms <= {until_ms} GROUP BY quote_id) b
        LEFT JOIN (SELECT quote_id, any_value(multiplier) AS multiplier FROM wayfare.predictions
            WHERE city = '{city.id}' GROUP BY quote_id) p ON b.quote_id = p.quote_id""").toPandas()
    if len(ended) < FEWEST_ROWS:
        return None
    at_ms = ended["t_ms"].to_numpy(np.int64)
    return Outcomes(
        ended["booked"].to_numpy(float),
        ended["multiplier"].to_numpy(float),
        local_hours(at_ms, city),
        local_weekdays(at_ms, city),
        local_dates(at_ms, city),
    )


def choose(trips: pd.DataFrame, settings: SurgeSettings, city: City) -> tuple[pd.DataFrame, Split]:
    """Trips of the newest `training_days` that may teach, and their split by time; InvalidInput when there are too few.

    Of more than `training_rows` whole slots of five minutes are drawn, by a hash of the slot: the rows tell of every day of
    those weeks, those of a slot share their window, and the next training draws the same slots again.
    """
    rows = trips[trips["teaches"]]
    rows = rows[rows["asked_ms"] > rows["asked_ms"].max() - settings.training_days * DAY_MS]
    slots = rows["asked_ms"].to_numpy(np.int64) // SLOT_MS
    names, at, sizes = np.unique(slots, return_inverse=True, return_counts=True)
    drawn = np.argsort(pd.util.hash_array(names), kind="stable")
    kept = np.zeros(len(names), bool)
    kept[drawn[np.cumsum(sizes[drawn]) <= settings.training_rows]] = True
    rows = rows[kept[at]].reset_index(drop=True)
    if len(rows) < FEWEST_ROWS:
        raise InvalidInput(
            f"city {city.id} needs at least {FEWEST_ROWS} trips with a recorded multiplier among {LEVELS} to train on: "
            f"load history or import trips, got {len(rows)} of {len(trips)} trips"
        )
    booked = rows["asked_ms"].to_numpy(np.int64)
    test = int(len(rows) * (1 - settings.test_share))
    validation = int(test * (1 - settings.validation_share))
    return rows, Split(int(booked[0]), int(booked[validation]), int(booked[test]), int(booked[-1]))


@dataclass(frozen=True)
class Learned:
    """What is learned from history before the test begins."""

    tree: quadtree.QuadTree
    travel: travel.TravelTable
    priors: Priors


def learn(trips: pd.DataFrame, rows: pd.DataFrame, split: Split, settings: SurgeSettings) -> Learned:
    """Tree and travel table from the trips that ended before the test, priors from the rows booked before it."""
    known = trips[trips["ended_at_ms"] < split.test_ms]
    pickup = known["pickup_lat"].to_numpy(float), known["pickup_lon"].to_numpy(float)
    dropoff = known["dropoff_lat"].to_numpy(float), known["dropoff_lon"].to_numpy(float)
    before = rows[rows["asked_ms"] < split.test_ms]
    return Learned(
        tree=quadtree.build(
            np.concatenate([pickup[0], dropoff[0]]),
            np.concatenate([pickup[1], dropoff[1]]),
            settings.tree_split_above,
            settings.tree_min_rows,
        ),
        travel=travel.learn(
            pickup,
            dropoff,
            known["hour"].to_numpy(),
            known["distance_m"].to_numpy(float),
            (known["ended_at_ms"] - known["started_at_ms"]).to_numpy(float) / 1000.0,
            known["wait_s"].to_numpy(float),
        ),
        priors=priors.learn(
            cells_of(before["pickup_lat"].to_numpy(float), before["pickup_lon"].to_numpy(float)),
            before["hour"].to_numpy(),
            before["surge_multiplier"].to_numpy(float),
        ),
    )


def read_panes(session: Any, city: City, first_pane: int, last_pane: int) -> Any:
    """Archived panes of levels, as a Spark DataFrame; the day partitions bound what is read."""
    gauges = ", ".join(f"'{gauge}'" for gauge in pane_rules.LEVELS)
    first_day, last_day = (
        local_days(_ms(pane * PANE_MS), city.time_zone)[0].as_py() for pane in (first_pane, last_pane)
    )
    return session.sql(f"""
        SELECT gauge, topic, partition, pane, covers_offset, cells, counts FROM wayfare.panes
        WHERE city = '{city.id}' AND day BETWEEN date'{first_day}' AND date'{last_day}'
            AND pane BETWEEN {first_pane} AND {last_pane} AND gauge IN ({gauges})""")


def _ms(value: int) -> Any:
    import pyarrow as pa

    return pa.array([value], pa.int64())


def read_weather(session: Any, city: City) -> WeatherArchive:
    """All weather observations of a city."""
    return WeatherArchive(session.sql(f"SELECT * FROM wayfare.weather WHERE city = '{city.id}'").toPandas())


def make_context(session: Any, city: City, lake: pathlib.Path, learned: Learned) -> Context:
    """What the features of all rows share."""
    weather = read_weather(session, city)
    return Context(city, SURGE, learned.tree, learned.travel, weather, read_place_kinds(lake, city.id))


def write_features(
    session: Any, settings: SurgeSettings, context: Context, rows: pd.DataFrame, split: Split
) -> tuple[int, int]:
    """Compute the features of the chosen rows in Spark and write them to Cassandra; trips and values written."""
    city = context.city
    aggregates.bookings_view(session, city)
    session.createDataFrame(rows[["trip_id"]]).createOrReplaceTempView("chosen_trips")
    session.sql(f"""
        CREATE OR REPLACE TEMPORARY VIEW training_trips AS
        SELECT trip_id, pickup_lat, pickup_lon, dropoff_lat, dropoff_lon, asked_ms, rider_id, quote_id,
            {aggregates.local_day("asked_ms", city)} AS as_of
        FROM city_trips JOIN chosen_trips USING (trip_id)""")
    session.sql("""
        CREATE OR REPLACE TEMPORARY VIEW asked_riders AS
        SELECT DISTINCT rider_id, as_of FROM training_trips WHERE rider_id IS NOT NULL""")
    aggregates.aggregate(session, "asked_riders").createOrReplaceTempView("rider_aggregates")
    asked = session.sql(f"""
        SELECT t.*, r.bookings, r.by_multiplier, r.by_pair, r.days_seen, p.feature_names AS logged_names,
            p.features AS logged, (t.asked_ms div {PANE_MS} - 1) div {_BLOCK_PANES} AS block
        FROM training_trips t LEFT JOIN rider_aggregates r ON t.rider_id = r.rider_id AND t.as_of = r.as_of
        LEFT JOIN (SELECT quote_id, any_value(feature_names) AS feature_names, any_value(features) AS features
            FROM wayfare.predictions WHERE city = '{city.id}' AND size(features) > 0 GROUP BY quote_id) p
        ON t.quote_id = p.quote_id""")
    first, last = split.first_ms // PANE_MS - 1 - WINDOW_PANES, split.last_ms // PANE_MS
    read_panes(session, city, first, last).createOrReplaceTempView("range_panes")
    # The first panes of a block are asked for by trips of the next one.
    panes = session.sql(f"""
        SELECT *, pane div {_BLOCK_PANES} AS block FROM range_panes
        UNION ALL SELECT *, pane div {_BLOCK_PANES} + 1 AS block FROM range_panes
        WHERE pane % {_BLOCK_PANES} >= {_BLOCK_PANES - WINDOW_PANES}""")

    def compute(trips: pd.DataFrame, block: pd.DataFrame) -> pd.DataFrame:
        return features_of_block(trips, block, context)

    names = [feature.name for feature in context.features]

    def write(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        session = connect(settings)
        store = CassandraFeatures(session)
        try:
            for part in parts:
                if len(part):
                    values = store.write_rows(part["trip_id"].tolist(), names, np.array(part["features"].tolist()))
                    yield pd.DataFrame({"trips": [len(part)], "written": [values]})
        finally:
            session.close()

    written = (
        asked.groupBy("block")
        .cogroup(panes.groupBy("block"))
        .applyInPandas(compute, "trip_id string, features array<double>")
        .mapInPandas(write, "trips long, written long")
        .groupBy()
        .sum()
        .first()
    )
    return int(written[0] or 0), int(written[1] or 0)


def read_features(settings: SurgeSettings, rows: pd.DataFrame) -> np.ndarray:
    """The features of rows as they stand in Cassandra: float64 [rows, features]."""
    session = connect(settings)
    try:
        return CassandraFeatures(session).read_rows(rows["trip_id"].tolist(), [feature.name for feature in SURGE])
    finally:
        session.close()
