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
from wayfare.domain.models.reference import BOOKED, MOST_LISTED

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

    def __len__(self) -> int:
        return len(self.columns)

    def count(self, values: Float) -> tuple[Int, Int, list[int], list[int], Int]:
        """known, unseen, sums, sums of squares per column, and all counts in one array; at most fixed.MOST_ROWS rows."""
        across = np.ascontiguousarray(values.T)
        first, second = fixed.sums(fixed.quantise(across, self._centre, self._scale))
        counts = np.zeros(int(self.offsets[-1]), np.int64)
        unseen = np.zeros(len(self.columns), np.int64)
        # Sorted, a column tells its bins by one search for each edge; missing values come last.
        across.sort(axis=1)
        known = (~np.isnan(across)).sum(axis=1)
        for at, column in enumerate(self.columns):
            told = across[at, : known[at]]
            begin, end = self.offsets[at], self.offsets[at + 1]
            if column.kind == "number":
                ends = np.searchsorted(told, column.edges, side="left")
                counts[begin:end] = np.diff(ends, prepend=0, append=len(told))
                below, upto = int(told.searchsorted(column.low, "left")), int(told.searchsorted(column.high, "right"))
                unseen[at] = below + len(told) - upto if column.low <= column.high else len(told)
            else:
                code, unseen[at] = _categories(column, told)
                counts[begin:end] = np.bincount(code, minlength=column.width)
        return known, unseen, first, second, counts


def _categories(column: Column, known: Float) -> tuple[Int, int]:
    """The listed position of each value, and how many values training never saw."""
    code = np.full(len(known), len(column.listed), np.int64)
    if len(column.listed):
        order = np.argsort(column.listed)
        at = np.minimum(np.searchsorted(column.listed, known, sorter=order), len(order) - 1)
        hit = column.listed[order[at]] == known
        code[hit] = order[at[hit]]
    if not len(column.names):
        return code, len(known)
    near = np.minimum(np.searchsorted(column.names, known), len(column.names) - 1)
    return code, int(np.count_nonzero(column.names[near] != known))


@dataclass(frozen=True)
class Reference:
    """A model's reference. served: columns of `predictions`, the features first; outcomes: of `bookings`.

    fingerprint: a short hash of the file, by which registers tell what their columns are. schema 1 lacks what sequential
    tests need.
    """

    fingerprint: str
    schema: int
    rows: int
    days: int
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
