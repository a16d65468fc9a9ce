"""The lake's tables in Hive: external tables of database `wayfare` over Parquet folders, partitioned by city and day."""

from __future__ import annotations

import pathlib
from typing import Any

import pyarrow as pa

from wayfare.adapters.parquet_tables import TABLES

DATABASE = "wayfare"

_TYPES = {
    pa.string(): "string",
    pa.float64(): "double",
    pa.int64(): "bigint",
    pa.int32(): "int",
    pa.list_(pa.int64()): "array<bigint>",
    pa.list_(pa.int32()): "array<int>",
    pa.list_(pa.float64()): "array<double>",
    pa.list_(pa.string()): "array<string>",
}


def hive_type(kind: pa.DataType) -> str:
    """The Hive type of an Arrow type; KeyError for one that the lake does not use.

    >>> hive_type(pa.list_(pa.int64()))
    'array<bigint>'
    """
    return _TYPES[kind]


def declare(session: Any, lake: pathlib.Path) -> None:
    """Create the database and its tables where they do not exist; a table of another lake folder is declared anew."""
    session.sql(f"CREATE DATABASE IF NOT EXISTS {DATABASE}")
    for name, schema in TABLES.items():
        folder = (lake / name).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        columns = ", ".join(f"`{field.name}` {hive_type(field.type)}" for field in schema)
        marker = f"{folder} {columns}"
        table = f"{DATABASE}.{name}"
        if session.catalog.tableExists(table) and _marker(session, table) != marker:
            session.sql(f"DROP TABLE {table}")
        # The declaration is kept as a property, because Hive changes the spelling of locations and types.
        session.sql(
            f"CREATE TABLE IF NOT EXISTS {table} ({columns}) PARTITIONED BY (city string, day date) "
            f"STORED AS PARQUET LOCATION '{folder.as_uri()}' TBLPROPERTIES ('wayfare.declared' = '{marker}')"
        )


def _marker(session: Any, table: str) -> str:
    row = session.sql(f"SHOW TBLPROPERTIES {table} ('wayfare.declared')").first()
    return str(row[-1]) if row else ""


def recover_partitions(session: Any, *tables: str) -> None:
    """Tell Hive of the partitions that lie in the lake's folders and of those that are gone."""
    for name in tables or TABLES:
        session.sql(f"MSCK REPAIR TABLE {DATABASE}.{name} SYNC PARTITIONS")
        session.catalog.refreshTable(f"{DATABASE}.{name}")
