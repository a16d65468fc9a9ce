"""Writing whole files into the lake: one immutable Parquet file per city, local day and origin."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from wayfare.adapters.parquet_tables import TABLES


def local_days(ms: pa.Array | pa.ChunkedArray, time_zone: str) -> pa.Array:
    """The local dates, as text like 2026-11-21, of times in ms."""
    return pc.strftime(pc.cast(pc.cast(ms, pa.timestamp("ms")), pa.timestamp("ms", time_zone)), "%Y-%m-%d")


def partition_folder(lake: pathlib.Path, table: str, city: str, day: str) -> pathlib.Path:
    """Where a partition lies."""
    return lake / table / f"city={city}" / f"day={day}"


def write_partitions(
    lake: pathlib.Path, table: str, city: str, days: pa.Array, rows: pa.Table, origin: str
) -> list[pathlib.Path]:
    """Write rows as `<origin>.parquet` into the partitions of their days; a file appears whole or not at all.

    rows: columns of the table's schema, in any order. days: one date text per row. Returns the files in order.
    """
    rows = rows.select(TABLES[table].names).cast(TABLES[table])
    day_of_row = np.asarray(days.to_numpy(zero_copy_only=False))
    order = np.argsort(day_of_row, kind="stable")
    names, starts = np.unique(day_of_row[order], return_index=True)
    ends = [*starts[1:].tolist(), len(order)] if len(order) else []
    written = []
    for name, start, end in zip(names.tolist(), starts.tolist(), ends, strict=True):
        folder = partition_folder(lake, table, city, str(name))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{origin}.parquet"
        draft = folder / f".{origin}.{os.getpid()}.tmp"
        pq.write_table(rows.take(pa.array(order[start:end])), draft, compression="zstd")
        draft.replace(path)
        written.append(path)
    return written
