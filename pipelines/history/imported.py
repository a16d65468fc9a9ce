"""A person's own trips into the lake: what can be believed is accepted, the rest is kept apart with its reasons."""

from __future__ import annotations

import pathlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from pipelines.history import loaded
from pipelines.history.loaded import Loaded
from wayfare.adapters.parquet_partitions import local_days, write_partitions
from wayfare.adapters.parquet_tables import TRIPS
from wayfare.domain.city import City
from wayfare.domain.errors import InvalidInput
from wayfare.domain.trip_rules import REASONS, REQUIRED, broken_rules

WRONG_TYPE = "type"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: read = accepted + rejected. by_reason counts each rule that a rejected row breaks."""

    read: int
    accepted: int
    rejected: int
    by_reason: dict[str, int]
    rejected_file: pathlib.Path | None
    reused: bool


def import_trips(path: pathlib.Path, lake: pathlib.Path, city: City, now_ms: int) -> Imported:
    """Import a Parquet or CSV file with columns of the table `trips`.

    Missing nullable columns are null; unknown columns are refused, because a misspelt one would be lost silently.
    Rejected rows go to `<lake>/rejected/<city>/<file>-<hash>.csv` as they were read, with the column `reasons`. The same
    file imported again replaces itself. InvalidInput when the file cannot be read at all.
    """
    digest = loaded.file_hash(path) if path.is_file() else ""
    raw = _read(path)
    unknown, absent = sorted(set(raw.column_names) - set(TRIPS.names)), sorted(set(REQUIRED) - set(raw.column_names))
    if unknown or absent:
        raise InvalidInput(
            f"a file of trips has the columns {', '.join(TRIPS.names)}: unknown {unknown}, missing {absent}, got {path}"
        )
    trips, wrong = _typed(raw)
    rules = {WRONG_TYPE: wrong} | broken_rules(_columns(trips), city, now_ms)
    bad = np.any(list(rules.values()), axis=0)
    origin = f"import-{digest[:16]}"
    good = trips.filter(pa.array(~bad))
    known = loaded.find(lake, city.id, origin)
    files = write_partitions(lake, "trips", city.id, local_days(good["started_at_ms"], city.time_zone), good, origin)
    end_ms = int(pc.max(good["ended_at_ms"]).as_py() or 0)
    names = [str(file.relative_to(lake)) for file in files]
    loaded.remember(lake, Loaded(city.id, origin, {"sha256": digest}, end_ms, {"trips": good.num_rows}, names))
    rejected_file = None
    if bad.any():
        rejected_file = lake / "rejected" / city.id / f"{path.stem}-{digest[:8]}.csv"
        rejected_file.parent.mkdir(parents=True, exist_ok=True)
        pv.write_csv(_with_reasons(raw, rules, bad), rejected_file)
    return Imported(
        read=raw.num_rows,
        accepted=good.num_rows,
        rejected=int(bad.sum()),
        by_reason={reason: int(rows.sum()) for reason, rows in rules.items() if rows.any()},
        rejected_file=rejected_file,
        reused=known is not None,
    )


def meaning(reason: str) -> str:
    """A reason in words."""
    return REASONS.get(reason, "a value is not of its column's type")


def _read(path: pathlib.Path) -> pa.Table:
    try:
        if path.suffix.lower() == ".csv":
            # Everything as text: a wrong value rejects its row, not the file.
            names = pv.open_csv(path).schema.names
            return pv.read_csv(
                path,
                convert_options=pv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=["", "null"]
                ),
            )
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInput(f"a file of trips is Parquet, or CSV named .csv: {error}, got {path}") from error


def _typed(raw: pa.Table) -> tuple[pa.Table, np.ndarray]:
    """The table's own types, null where absent or not convertible; and the rows where something was not convertible."""
    wrong = np.zeros(raw.num_rows, bool)
    columns = []
    for field in TRIPS:
        if field.name not in raw.column_names:
            columns.append(pa.nulls(raw.num_rows, field.type))
            continue
        column = raw[field.name].combine_chunks()
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowException:
            values = [_converted(value, field.type) for value in column.to_pylist()]
            wrong |= np.array([value is _BAD for value in values], bool)
            columns.append(pa.array([None if value is _BAD else value for value in values], field.type))
    return pa.table(columns, TRIPS), wrong


_BAD = object()


def _converted(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    try:
        return pa.scalar(value).cast(kind).as_py()
    except (pa.ArrowException, ValueError, OverflowError):
        return _BAD


def _columns(trips: pa.Table) -> dict[str, Any]:
    return {
        field.name: trips[field.name].to_pylist()
        if field.type == pa.string()
        else trips[field.name].cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        for field in TRIPS
    }


def _with_reasons(raw: pa.Table, rules: dict[str, np.ndarray], bad: np.ndarray) -> pa.Table:
    rows = np.flatnonzero(bad)
    reasons = [" ".join(reason for reason, broken in rules.items() if broken[row]) for row in rows]
    texts = raw.take(pa.array(rows))
    texts = pa.table({name: pc.cast(texts[name], pa.string()) for name in texts.column_names})
    return texts.append_column("reasons", pa.array(reasons, pa.string()))
