"""The Cassandra tables, each with what it promises. Created by `wayfare up` and `wayfare stores prepare`."""

from __future__ import annotations

import re

from wayfare.domain.errors import SettingsInvalid

KEYSPACE = "wayfare"

TABLES = (
    # The booking ledger: one row per quote, written once by compare-and-set; the truth for bookings. `outcome` is
    # 'booked' or 'not_booked'; `answer` is the whole JSON answer given to the rider who booked; `attempt` is unique to
    # the try that won, so that a try whose outcome was lost on the way can tell whether the row is its own.
    """CREATE TABLE IF NOT EXISTS {keyspace}.bookings (
        quote_id text PRIMARY KEY, booking_id text, city text, rider_id text, outcome text, answer text, attempt text,
        decided_at timestamp)""",
    # Intents to tell Kafka of a booking, written before the compare-and-set and deleted once told. A bucket is a
    # wall-clock minute, so that finished buckets are never read again.
    """CREATE TABLE IF NOT EXISTS {keyspace}.booking_outbox (
        bucket timestamp, quote_id text, record text, PRIMARY KEY (bucket, quote_id)) WITH default_time_to_live = 604800""",
    # Features of training rows, in the design's long form.
    """CREATE TABLE IF NOT EXISTS {keyspace}.features (
        trip_id text, feature_id int, feature_name text, value double, PRIMARY KEY (trip_id, feature_id))""",
    # The three 30-day aggregates of each rider as of the last daily batch. kind: 'all' (key ''), 'multiplier' (key
    # '1.25'), 'pair' (key '<pickup cell>-<drop cell>', level 15).
    """CREATE TABLE IF NOT EXISTS {keyspace}.rider_history (
        city text, rider_id text, kind text, key text, bookings int, as_of date, days_seen int,
        PRIMARY KEY ((city, rider_id), kind, key))""",
    # What is known of a level-16 cell: the kind of place there, and its median trip.
    """CREATE TABLE IF NOT EXISTS {keyspace}.cell_features (
        city text, cell bigint, place_kind text, median_dropoff_lat double, median_dropoff_lon double,
        trips int, as_of date, PRIMARY KEY (city, cell))""",
    # Operator caps: the newest row that has not expired is in force; rows are never changed, so they are the audit.
    """CREATE TABLE IF NOT EXISTS {keyspace}.surge_caps (
        city text, set_at timestamp, max_multiplier double, until timestamp, reason text, operator text,
        PRIMARY KEY (city, set_at)) WITH CLUSTERING ORDER BY (set_at DESC)""",
)


def replication(text: str) -> str:
    """What CQL calls the replication map, of `3` copies wherever, or of so many in each data centre.

    >>> replication("1")
    "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    >>> replication("east:3,west:2")
    "{'class': 'NetworkTopologyStrategy', 'east': 3, 'west': 2}"

    Raises SettingsInvalid for anything else.
    """
    if re.fullmatch(r"[1-9][0-9]?", text):
        return f"{{'class': 'SimpleStrategy', 'replication_factor': {text}}}"
    if re.fullmatch(r"[\w.-]+:[1-9][0-9]?(,[\w.-]+:[1-9][0-9]?)*", text):
        copies = ", ".join(f"'{name}': {count}" for name, count in (part.split(":") for part in text.split(",")))
        return f"{{'class': 'NetworkTopologyStrategy', {copies}}}"
    raise SettingsInvalid(f"replication is a number or like dc1:3,dc2:3, got {text!r}")


def statements(keyspace: str = KEYSPACE, copies: str = "1") -> list[str]:
    """The CQL that creates the keyspace and its tables; safe to run again. copies: see `replication`."""
    create = f"CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {replication(copies)}"
    return [create, *(table.format(keyspace=keyspace) for table in TABLES)]
