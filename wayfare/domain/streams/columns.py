"""Rows of one partition's log as columns, in log order: what the stream's state is computed from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wayfare.domain.streams.events import Recorded

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Identities:
    """Whose each row is: `distinct[which[i]]` is that of row i. What is asked of an identity is asked once of many rows."""

    distinct: Sequence[str]
    which: Ints

    @classmethod
    def of(cls, rows: Sequence[str]) -> Identities:
        """Those of some rows; that a row has one of its own is cheaper to say than which of them are the same."""
        return cls(rows, np.arange(len(rows)))

    def __len__(self) -> int:
        return len(self.which)

    def __iter__(self) -> Iterator[str]:
        return map(self.distinct.__getitem__, self.which.tolist())

    def __getitem__(self, at: slice) -> Identities:
        return Identities(self.distinct, self.which[at])

    def take(self, rows: Ints) -> Identities:
        """Those of some rows, with none that no row has."""
        used, which = np.unique(self.which[rows], return_inverse=True)
        return Identities([self.distinct[i] for i in used.tolist()], which)

    def occurring(self) -> list[str]:
        """Each that some row has, once or more, in the order of `distinct`."""
        rows = np.bincount(self.which, minlength=len(self.distinct)).tolist()
        return [identity for identity, count in zip(self.distinct, rows, strict=True) if count]


@dataclass(frozen=True, slots=True)
class PingColumns:
    """Pings of one city. status: index into PING_STATUSES. drop_lat, drop_lon: NaN without a drop-off. Times in ms."""

    offset: Ints
    received_ms: Ints
    ids: Identities
    t_ms: Ints
    lat: Floats
    lon: Floats
    status: npt.NDArray[np.int8]
    drop_lat: Floats
    drop_lon: Floats

    def part(self, start: int, stop: int) -> PingColumns:
        """Rows `start` to `stop` - 1."""
        at = slice(start, stop)
        return PingColumns(
            self.offset[at], self.received_ms[at], self.ids[at], self.t_ms[at], self.lat[at], self.lon[at],
            self.status[at], self.drop_lat[at], self.drop_lon[at],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RequestColumns:
    """Steps of requests of one city. status: index into REQUEST_STATUSES. lat, lon: the pickup, NaN unless opened."""

    offset: Ints
    received_ms: Ints
    ids: Identities
    t_ms: Ints
    lat: Floats
    lon: Floats
    status: npt.NDArray[np.int8]

    def part(self, start: int, stop: int) -> RequestColumns:
        """Rows `start` to `stop` - 1."""
        at = slice(start, stop)
        return RequestColumns(
            self.offset[at], self.received_ms[at], self.ids[at], self.t_ms[at], self.lat[at], self.lon[at],
            self.status[at],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class WeatherColumns:
    """Observations of one city; few, so kept as events."""

    offset: Ints
    received_ms: Ints
    rows: Sequence[Recorded]

    def part(self, start: int, stop: int) -> WeatherColumns:
        """Rows `start` to `stop` - 1."""
        return WeatherColumns(self.offset[start:stop], self.received_ms[start:stop], self.rows[start:stop])


Columns = PingColumns | RequestColumns | WeatherColumns


class TickAt(NamedTuple):
    """Time moving in one city."""

    offset: int
    received_ms: int


class Unreadable(NamedTuple):
    """Rows that were sent to the dead letters: they count as rejected and change nothing."""

    offset: int
    reason: str
    rows: int


Segment = Columns | TickAt | Unreadable


def joined(segments: Sequence[Segment]) -> list[Segment]:
    """The same rows with neighbouring columns made one: what they do to the state is equal, at less cost per row."""
    out: list[Segment] = []
    run: list[Columns] = []
    for segment in segments:
        if isinstance(segment, PingColumns | RequestColumns | WeatherColumns):
            run.append(segment)
            continue
        out += _join(run)
        run = []
        out.append(segment)
    return out + _join(run)


def _join(run: list[Columns]) -> list[Segment]:
    if len(run) < 2:
        return list(run)
    values: dict[str, Any] = {}
    for name in run[0].__slots__:
        parts: list[Any] = [getattr(columns, name) for columns in run]
        if isinstance(parts[0], np.ndarray):
            values[name] = np.concatenate(parts)
        else:
            rows = [value for part in parts for value in part]
            values[name] = Identities.of(rows) if isinstance(parts[0], Identities) else rows
    return [type(run[0])(**values)]
