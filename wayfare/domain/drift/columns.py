"""Which columns are watched, and how a value of each is counted: from the reference that the model's artifact carries."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from wayfare.domain.drift import fixed
from wayfare.domain.errors import InvalidInput
from wayfare.domain.models.reference import BOOKED, MOST_LISTED, MOSTLY_SHARED

Group = Literal["features", "predictions", "outcomes"]
GROUPS: tuple[Group, ...] = ("features", "predictions", "outcomes")
SCHEMAS = (1, 2)

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """One column. kind: number, category, or clock (an hour or weekday). entry: its part of the reference."""

    name: str
    group: Group
    kind: str
    centre: float
    scale: float
    low: float
    high: float
    edges: Float
    listed: Int
    names: Int
    entry: Mapping[str, Any]

    @property
    def shared(self) -> bool:
        """Whether it is of the hour and the day rather than of the row, as weather is: its spread is that of few days."""
        return bool(self.entry.get("shared", 0.0) >= MOSTLY_SHARED)

    @property
    def width(self) -> int:
        """How many counts it has: bins, or listed categories and other."""
        return (len(self.listed) if self.kind != "number" else len(self.edges)) + 1

    @functools.cached_property
    def labels(self) -> list[str]:
        """What each count is of."""
        if self.kind != "number":
            return [*(str(int(name)) for name in self.listed), "other"]
        ends = [*(f"{edge:.6g}" for edge in self.edges), ""]
        return [f"{low}-{high}" if low or high else "all" for low, high in zip(["", *ends[:-1]], ends, strict=True)]


class Columns:
    """All columns of one group, and the counting of a batch of rows."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = list(columns)
        self.names = [column.name for column in columns]
        self._centre = np.array([column.centre for column in columns])
        self._scale = np.array([column.scale for column in columns])
        self.offsets = np.concatenate([[0], np.cumsum([column.width for column in columns])]).astype(np.int64)
        numbers = [(at, column) for at, column in enumerate(columns) if column.kind == "number"]
        self._numbers = _Bins(numbers, self.offsets) if numbers else None
        self._categories = [(at, _Listed(column)) for at, column in enumerate(columns) if column.kind != "number"]

    def __len__(self) -> int:
        return len(self.columns)

    def count(self, values: Float) -> tuple[Int, Int, list[int], list[int], Int]:
        """known, unseen, sums, sums of squares per column, and all counts in one array; at most fixed.MOST_ROWS rows."""
        quantised, missing = fixed.quantise(values.T, self._centre, self._scale)
        first, second = fixed.sums(quantised)
        known = len(values) - np.count_nonzero(missing, axis=1)
        counts = np.zeros(int(self.offsets[-1]), np.int64)
        unseen = np.zeros(len(self.columns), np.int64)
        if self._numbers:
            # The sums are taken: what is missing now goes behind everything.
            quantised[missing] = fixed.MOST + 1
            self._numbers.count(quantised, known, counts, unseen)
        for at, listed in self._categories:
            code, unseen[at] = listed.count(values[~missing[at], at])
            counts[self.offsets[at] : self.offsets[at + 1]] = np.bincount(code, minlength=self.columns[at].width)
        return known, unseen, first, second, counts


class _Bins:
    """All columns of numbers at once: sorted, one search for every edge tells the bins, whatever the number of columns."""

    _APART = 1 << 52
    """Between the quantised values of a column and the next, so that all are one sorted line."""

    def __init__(self, columns: Sequence[tuple[int, Column]], offsets: Int) -> None:
        self._at = np.array([at for at, _ in columns], np.int64)
        self._begin = (np.arange(len(columns)) * self._APART)[:, None]
        self._none = np.array([column.low > column.high for _, column in columns], bool)
        asked: list[Int] = []
        cells: list[int] = []
        starts: list[int] = []
        for place, (at, column) in enumerate(columns):
            ends = np.array([*column.edges, column.low, column.high])
            line, _ = fixed.quantise(ends[None, :], np.array([column.centre]), np.array([column.scale]))
            # How many are at most `high` is how many are below the next integer.
            line[0, -1] += 1
            asked.append(line[0] + place * self._APART)
            starts.append(len(cells))
            cells.extend(range(int(offsets[at]), int(offsets[at + 1])))
        self._asked = np.concatenate(asked)
        self._place = np.repeat(np.arange(len(columns)), [len(line) for line in asked])
        # Of each column the last two searches are low and high; its last cell is above all edges.
        self._low = np.cumsum([len(line) for line in asked], dtype=np.int64) - 2
        self._cells, self._starts = np.array(cells, np.int64), np.array(starts, np.int64)
        self._last = np.append(self._starts[1:], len(cells)) - 1
        self._edges = np.delete(np.arange(len(self._asked)), np.concatenate([self._low, self._low + 1]))
        self._inner = np.delete(np.arange(len(cells)), self._last)

    def count(self, quantised: Int, known: Int, counts: Int, unseen: Int) -> None:
        """Write the counts and the unseen of these columns. quantised [columns, rows]: missing ones above all others."""
        line = quantised if len(self._at) == len(quantised) else quantised[self._at]
        line.sort(axis=1)
        line += self._begin
        below = line.ravel().searchsorted(self._asked) - self._place * line.shape[1]
        told = known[self._at]
        unseen[self._at] = np.where(self._none, told, below[self._low] + told - below[self._low + 1])
        upto = np.empty(len(self._cells), np.int64)
        upto[self._inner], upto[self._last] = below[self._edges], told
        inside = np.diff(upto, prepend=0)
        inside[self._starts] = upto[self._starts]
        counts[self._cells] = inside


class _Listed:
    """A column of categories."""

    def __init__(self, column: Column) -> None:
        self._names = column.names
        self._order = np.argsort(column.listed)
        self._listed = column.listed[self._order]

    def count(self, known: Float) -> tuple[Int, int]:
        """The listed position of each value, the number of listed ones for others, and how many training never saw."""
        code = np.full(len(known), len(self._listed), np.int64)
        if len(self._listed):
            at = np.minimum(np.searchsorted(self._listed, known), len(self._listed) - 1)
            hit = self._listed[at] == known
            code[hit] = self._order[at[hit]]
        if not len(self._names):
            return code, len(known)
        near = np.minimum(np.searchsorted(self._names, known), len(self._names) - 1)
        return code, int(np.count_nonzero(self._names[near] != known))


@dataclass(frozen=True)
class Reference:
    """A model's reference. served: columns of `predictions`, the features first; outcomes: of `bookings`.

    fingerprint: a short hash of the file, by which registers tell what their columns are. schema 1 lacks what sequential
    tests need. named: its rows are of riders, so that quotes of nobody cannot be compared with it.
    """

    fingerprint: str
    schema: int
    rows: int
    days: int
    named: bool
    served: Columns
    outcomes: Columns

    def columns(self, group: Group) -> Columns:
        """The columns of registers of `predictions`, or of `bookings`."""
        return self.outcomes if group == "outcomes" else self.served


def read_reference(data: bytes) -> Reference:
    """What a `drift_reference.json` of schema 1 or 2 says; what schema 1 lacks has no columns.

    InvalidInput for another schema, or one that is not of the promised form.
    """
    try:
        reference = json.loads(data, parse_constant=_refused)
        if reference["schema"] not in SCHEMAS:
            raise InvalidInput(f"a drift reference has schema 1 or 2, got {reference['schema']!r}")
        groups = {
            group: [_column(name, group, entry) for name, entry in (reference.get(group) or {}).items()]
            for group in GROUPS
        }
        if groups["outcomes"] and [column.name for column in groups["outcomes"]] != list(BOOKED):
            raise InvalidInput(f"outcomes of a reference are {BOOKED}, got {[one.name for one in groups['outcomes']]}")
        return Reference(
            fingerprint=hashlib.sha256(data).hexdigest()[:16],
            schema=int(reference["schema"]),
            rows=int(reference["rows"]),
            days=int(reference.get("days", 0)),
            named=float(reference.get("named", 0.0)) >= 0.5,
            served=Columns([*groups["features"], *groups["predictions"]]),
            outcomes=Columns(groups["outcomes"]) if groups["outcomes"] else outcome_columns(),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise InvalidInput(f"not a drift reference: {type(error).__name__} {error}, got {data[:200]!r}") from error


def _refused(name: str) -> float:
    """JSON has no NaN and no infinities."""
    raise ValueError(f"a number must be finite, got {name}")


def outcome_columns() -> Columns:
    """The columns of `bookings`, the same for every model: an outcome may come when its model is long replaced."""
    return Columns([_rate(name, {"mean": None}) for name in BOOKED])


def _rate(name: str, entry: Mapping[str, Any]) -> Column:
    none = np.empty(0, np.int64)
    return Column(name, "outcomes", "number", 0.0, 1.0, 0.0, 1.0, np.array([0.5]), none, none, entry)


def _column(name: str, group: Group, entry: Mapping[str, Any]) -> Column:
    if group == "outcomes":
        return _rate(name, entry)
    mean, variance = entry["mean"], entry["variance"]
    categories = {int(key): int(count) for key, count in entry.get("categories", {}).items()}
    kind = entry.get("kind") or ("category" if "categories" in entry else "number")
    if kind in ("hour", "weekday"):
        kind = "clock"
    quantiles = list(entry.get("quantiles", {}).values())
    edges = entry.get("edges", sorted(set(quantiles[1:-1])))
    by_count = sorted(categories, key=lambda key: -categories[key])
    listed = entry.get("listed", by_count[:MOST_LISTED])
    centre = 0.0 if mean is None else float(mean)
    return Column(
        name=name,
        group=group,
        kind=kind,
        centre=centre,
        # A constant has no spread of its own: whatever is not it lies far out.
        scale=float(np.sqrt(variance)) if variance and variance > 0 else max(1e-6, abs(centre) * 1e-6),
        low=float(quantiles[0]) if quantiles else np.inf,
        high=float(quantiles[-1]) if quantiles else -np.inf,
        edges=np.array(edges, np.float64),
        listed=np.array(listed, np.int64),
        names=np.array(sorted(categories), np.int64),
        entry=entry,
    )
