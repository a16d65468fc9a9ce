"""A recording of cabs: fixes sorted by time, with the rides that can be read off them.

A fix that turns a cab from free to occupied begins a ride, the fix that turns it back ends it. Where a ride will end
is look-ahead at its pickup: it is used only as the drop-off that an opened request must name, and never in a ping.
"""

from __future__ import annotations

import pathlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from wayfare.domain.errors import InvalidInput

COLUMNS = ("cab", "t", "lat_e5", "lon_e5", "occ")
_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Recording:
    """Fixes as columns in order of time. begins, ends: the fix starts or finishes a ride. other: for a fix that begins or ends a ride, the row of its other end, else -1."""

    cabs: tuple[str, ...]
    cab: npt.NDArray[np.int32]
    t_ms: npt.NDArray[np.int64]
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]
    occupied: npt.NDArray[np.bool_]
    begins: npt.NDArray[np.bool_]
    ends: npt.NDArray[np.bool_]
    other: npt.NDArray[np.int64]

    def after(self, t_ms: int) -> int:
        """The first row later than `t_ms`."""
        return int(np.searchsorted(self.t_ms, t_ms, side="right"))


def read(file: pathlib.Path) -> Recording:
    """Read a recording batch by batch; InvalidInput when the file is no such thing. The same cab and second twice: the first counts."""
    try:
        parquet = pq.ParquetFile(file)
        missing = set(COLUMNS) - set(parquet.schema_arrow.names)
        if missing:
            raise InvalidInput(
                f"a recording has the columns {list(COLUMNS)}, got none named {sorted(missing)} in {file}"
            )
        numbers: dict[str, int] = {}
        parts: dict[str, list[npt.NDArray[np.generic]]] = {name: [] for name in COLUMNS}
        for batch in parquet.iter_batches(_BATCH_ROWS, columns=list(COLUMNS)):
            dictionary = batch.column("cab").cast("string").dictionary_encode()
            known = [numbers.setdefault(name, len(numbers)) for name in dictionary.dictionary.to_pylist()]
            indices = dictionary.indices.to_numpy(zero_copy_only=False)
            parts["cab"].append(np.array(known, np.int32)[indices])
            for name in COLUMNS[1:]:
                parts[name].append(batch.column(name).to_numpy(zero_copy_only=False))
    except OSError as error:
        raise InvalidInput(f"the recording cannot be read: {error}, got {file}") from error
    except ValueError as error:  # pyarrow's ArrowInvalid is one
        raise InvalidInput(f"the recording is not a Parquet file: {error}, got {file}") from error
    columns = {name: np.concatenate(found) if found else np.zeros(0, np.int64) for name, found in parts.items()}
    return _with_rides(
        tuple(numbers),
        columns["cab"].astype(np.int32),
        columns["t"].astype(np.int64) * 1000,
        columns["lat_e5"].astype(np.float64) / 1e5,
        columns["lon_e5"].astype(np.float64) / 1e5,
        columns["occ"].astype(np.bool_),
    )


def _with_rides(
    cabs: tuple[str, ...],
    cab: npt.NDArray[np.int32],
    t_ms: npt.NDArray[np.int64],
    lat: npt.NDArray[np.float64],
    lon: npt.NDArray[np.float64],
    occupied: npt.NDArray[np.bool_],
) -> Recording:
    by_cab = np.lexsort((t_ms, cab))
    same = np.zeros(len(cab), np.bool_)
    same[1:] = cab[by_cab][1:] == cab[by_cab][:-1]
    twice = same.copy()
    twice[1:] &= t_ms[by_cab][1:] == t_ms[by_cab][:-1]
    by_cab = by_cab[~twice]
    same = np.zeros(len(by_cab), np.bool_)
    same[1:] = cab[by_cab][1:] == cab[by_cab][:-1]
    now = occupied[by_cab]
    before = np.zeros(len(by_cab), np.bool_)
    before[1:] = now[:-1]
    # The first fix of a cab begins nothing: its ride, if any, began before the recording.
    begins, ends = same & now & ~before, same & ~now & before
    other = np.full(len(by_cab), -1, np.int64)
    start = -1
    for at in np.flatnonzero(begins | ends | ~same).tolist():
        if begins[at]:
            start = at
        elif ends[at] and start >= 0:
            other[start], other[at] = at, start
            start = -1
        else:
            start = -1
    order = np.lexsort((cab[by_cab], t_ms[by_cab]))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    rows = by_cab[order]
    linked = other[order]
    return Recording(
        cabs=cabs,
        cab=cab[rows],
        t_ms=t_ms[rows],
        lat=lat[rows],
        lon=lon[rows],
        occupied=occupied[rows],
        begins=begins[order],
        ends=ends[order],
        other=np.where(linked >= 0, rank[np.maximum(linked, 0)], -1),
    )
