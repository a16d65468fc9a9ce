"""The three 30-day aggregates of riders, and the days seen, by Spark SQL, each as of a day.

As of day d means what a batch at the start of d knew: bookings of the 30 days [d - 30, d) whose trips had ended by
then. Days are the city's local dates.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from wayfare.domain.city import City
from wayfare.domain.features.inputs import PAIR_LEVEL
from wayfare.domain.geo.cells import cells_of

DAYS = 30


def register_functions(session: Any) -> None:
    """Make `cell(lat, lon, level)` known to SQL: the id of the quad-tree cell of a place."""
    from pyspark.sql.functions import pandas_udf

    def cell(lat: pd.Series, lon: pd.Series, level: pd.Series) -> pd.Series:
        return pd.Series(cells_of(lat.to_numpy(), lon.to_numpy(), int(level.iloc[0])))

    session.udf.register("cell", pandas_udf(cell, "bigint"))


def local_day(ms: str, city: City) -> str:
    """SQL of the local date of a column of ms."""
    return f"to_date(from_utc_timestamp(timestamp_millis({ms}), '{city.time_zone}'))"


def trips_view(session: Any, city: City) -> None:
    """View `city_trips`: each trip of the city once, with asked_ms, the moment that its price was asked.

    A request opens with a look at its price and is booked later: by then it is itself one of those that wait, which no
    quote has ever seen.
    """
    session.sql(f"""
        CREATE OR REPLACE TEMPORARY VIEW city_trips AS
        SELECT * FROM (
            SELECT *, coalesce(requested_at_ms, booked_at_ms, started_at_ms) AS asked_ms,
                row_number() OVER (PARTITION BY trip_id ORDER BY ended_at_ms DESC) AS copy
            FROM wayfare.trips WHERE city = '{city.id}')
        WHERE copy = 1""")


def bookings_view(session: Any, city: City) -> None:
    """Views `bookings` (rider, multiplier, pair of places, day booked, day known) and `known_days`."""
    register_functions(session)
    session.sql(f"""
        CREATE OR REPLACE TEMPORARY VIEW bookings AS
        SELECT rider_id, surge_multiplier AS multiplier,
            concat(cell(pickup_lat, pickup_lon, {PAIR_LEVEL}), '-', cell(dropoff_lat, dropoff_lon, {PAIR_LEVEL})) AS pair,
            {local_day("asked_ms", city)} AS booked_day, {local_day("ended_at_ms", city)} AS known_day
        FROM city_trips WHERE rider_id IS NOT NULL""")
    session.sql(f"""
        CREATE OR REPLACE TEMPORARY VIEW known_days AS
        SELECT DISTINCT {local_day("ended_at_ms", city)} AS day FROM city_trips""")


def aggregate(session: Any, asked: str) -> Any:
    """One row per (rider_id, as_of) of the view `asked`: bookings, by_multiplier, by_pair (maps), days_seen.

    bookings, by_multiplier and by_pair are null for a rider without bookings in those days.
    """
    session.sql(f"""
        CREATE OR REPLACE TEMPORARY VIEW booked_before AS
        SELECT a.rider_id, a.as_of, b.multiplier, b.pair
        FROM {asked} a JOIN bookings b
        ON a.rider_id = b.rider_id AND b.booked_day >= date_sub(a.as_of, {DAYS}) AND b.known_day < a.as_of""")
    session.sql("CACHE TABLE booked_before")
    session.sql("""
        CREATE OR REPLACE TEMPORARY VIEW bookings_per_rider AS
        SELECT rider_id, as_of, count(*) AS bookings FROM booked_before GROUP BY rider_id, as_of""")
    for name, column in (("multiplier", "multiplier"), ("pair", "pair")):
        session.sql(f"""
            CREATE OR REPLACE TEMPORARY VIEW bookings_per_rider_and_{name} AS
            SELECT rider_id, as_of, map_from_entries(collect_list(struct({column}, n))) AS by_{name} FROM (
                SELECT rider_id, as_of, {column}, count(*) AS n FROM booked_before
                WHERE {column} IS NOT NULL GROUP BY rider_id, as_of, {column})
            GROUP BY rider_id, as_of""")
    session.sql(f"""
        CREATE OR REPLACE TEMPORARY VIEW days_seen AS
        SELECT as_of, count(day) AS days_seen FROM (SELECT DISTINCT as_of FROM {asked})
        LEFT JOIN known_days ON day >= date_sub(as_of, {DAYS}) AND day < as_of GROUP BY as_of""")
    return session.sql(f"""
        SELECT a.rider_id, a.as_of, b.bookings, m.by_multiplier, p.by_pair, d.days_seen
        FROM {asked} a JOIN days_seen d ON a.as_of = d.as_of
        LEFT JOIN bookings_per_rider b ON a.rider_id = b.rider_id AND a.as_of = b.as_of
        LEFT JOIN bookings_per_rider_and_multiplier m ON a.rider_id = m.rider_id AND a.as_of = m.as_of
        LEFT JOIN bookings_per_rider_and_pair p ON a.rider_id = p.rider_id AND a.as_of = p.as_of""")


def cells(session: Any, city: City, since_ms: int) -> Any:
    """Per level-16 pickup cell: trips, and the medians of where they end, of trips ended from `since_ms` on."""
    return session.sql(f"""
        SELECT cell(pickup_lat, pickup_lon, 16) AS cell, count(*) AS trips,
            median(dropoff_lat) AS lat, median(dropoff_lon) AS lon
        FROM city_trips WHERE ended_at_ms >= {since_ms} GROUP BY 1""")
