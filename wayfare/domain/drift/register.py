"""What one partition's log told in five minutes of one city, model and version: integers that add up in any order."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.drift import fixed
from wayfare.domain.drift.columns import Columns
from wayfare.domain.errors import InvalidInput

SCHEMA = 1
BUCKET_MS = 300_000


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """What a register is of. version 0 and no model: outcomes of a city's quotes. bucket: t // BUCKET_MS."""

    topic: str
    partition: int
    city: str
    model: str
    version: int
    bucket: int


class Register:
    """Counts and sums of one key. covers: the newest offset of the partition that may have changed it.

    reference: a short hash of the reference that says what the columns are; empty when there is none, and then only
    rows are counted. stale: rows whose quote was degraded.
    """

    def __init__(self, key: Key, columns: Columns, reference: str) -> None:
        width = int(columns.offsets[-1])
        self.key, self.reference, self.covers = key, reference, -1
        self.rows = self.stale = 0
        self.known = np.zeros(len(columns), np.int64)
        self.unseen = np.zeros(len(columns), np.int64)
        self.counts = np.zeros(width, np.int64)
        self.first = [0] * len(columns)
        self.second = [0] * len(columns)

    def fold(self, columns: Columns, values: npt.NDArray[np.float64], stale: int, covers: int) -> None:
        """Take rows, in the columns' order and NaN where missing; `stale` of them degraded."""
        for start in range(0, len(values), fixed.MOST_ROWS):
            known, unseen, first, second, counts = columns.count(values[start : start + fixed.MOST_ROWS])
            self._add(known, unseen, first, second, counts)
        self.rows += len(values)
        self.stale += stale
        self.covers = max(self.covers, covers)

    def merge(self, other: Register) -> None:
        """Add another partition's. Registers of different references do not add up: InvalidInput."""
        if other.reference != self.reference or other.counts.shape != self.counts.shape:
            raise InvalidInput(f"registers of reference {self.reference!r} do not merge with {other.reference!r}")
        self._add(other.known, other.unseen, other.first, other.second, other.counts)
        self.rows += other.rows
        self.stale += other.stale

    def _add(self, known: Any, unseen: Any, first: list[int], second: list[int], counts: Any) -> None:
        self.known += known
        self.unseen += unseen
        self.counts += counts
        self.first = [a + b for a, b in zip(self.first, first, strict=True)]
        self.second = [a + b for a, b in zip(self.second, second, strict=True)]

    def copy(self) -> Register:
        """One that changes on its own."""
        other = Register(self.key, Columns([]), self.reference)
        other.covers, other.rows, other.stale = self.covers, self.rows, self.stale
        other.known, other.unseen, other.counts = self.known.copy(), self.unseen.copy(), self.counts.copy()
        other.first, other.second = list(self.first), list(self.second)
        return other

    def moments(self, column: int) -> tuple[float, float]:
        """Mean and variance of one column, in its units. At least one value must be known."""
        n = int(self.known[column])
        mean = fixed.mean_of(self.first[column], n)
        return mean, fixed.mean_square_about(self.first[column], self.second[column], n, mean)

    def to_bytes(self) -> bytes:
        """The record's value; equal registers give equal bytes."""
        key = self.key
        return json.dumps(
            {
                "schema": SCHEMA,
                "key": [key.topic, key.partition, key.city, key.model, key.version, key.bucket],
                "reference": self.reference,
                "covers": self.covers,
                "rows": self.rows,
                "stale": self.stale,
                "known": self.known.tolist(),
                "unseen": self.unseen.tolist(),
                "first": self.first,
                "second": self.second,
                "counts": self.counts.tolist(),
            },
            separators=(",", ":"),
        ).encode()


def from_bytes(data: bytes) -> Register:
    """What `to_bytes` wrote; InvalidInput for anything else."""
    try:
        raw = json.loads(data)
        if raw["schema"] != SCHEMA:
            raise InvalidInput(f"a drift register has schema {SCHEMA}, got {raw['schema']!r}")
        register = Register(Key(*raw["key"]), Columns([]), raw["reference"])
        register.covers, register.rows, register.stale = int(raw["covers"]), int(raw["rows"]), int(raw["stale"])
        register.known = np.array(raw["known"], np.int64)
        register.unseen = np.array(raw["unseen"], np.int64)
        register.counts = np.array(raw["counts"], np.int64)
        register.first, register.second = list(raw["first"]), list(raw["second"])
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"not a drift register: {type(error).__name__} {error}, got {data[:120]!r}") from error
    return register


def merged(registers: Iterable[Register]) -> Register | None:
    """The sum of some registers of one reference; None of none. The sum keeps the first one's key."""
    total: Register | None = None
    for register in registers:
        if total is None:
            total = register.copy()
        else:
            total.merge(register)
    return total
