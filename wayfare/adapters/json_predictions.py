"""Records of `predictions` and `bookings` as rows that the drift monitor counts: one array per register's key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from wayfare.domain.drift.columns import Columns, Reference
from wayfare.domain.drift.register import BUCKET_MS
from wayfare.domain.errors import InvalidInput
from wayfare.domain.ids import is_id
from wayfare.domain.models.reference import booked_columns
from wayfare.domain.pricing.ledger import BOOKED, NOT_BOOKED
from wayfare.domain.times import parse_rfc3339

MOST_FEATURES = 1_000
_LEVELS = 7


@dataclass(frozen=True, slots=True)
class Served:
    """What a record of `predictions` tells of the model's world. at_least: None where the model did not speak.

    named: whether the quote was a rider's, and not a price asked by nobody.
    """

    offset: int
    city: str
    model: str
    version: int
    t_ms: int
    names: tuple[str, ...]
    features: Sequence[float | None]
    at_least: Sequence[float] | None
    multiplier: float
    stale: bool
    named: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """What a record of `bookings` tells. multiplier: NaN where it does not."""

    offset: int
    city: str
    t_ms: int
    booked: bool
    multiplier: float


def served_of(offset: int, value: bytes | None) -> Served:
    """Read a record of `predictions`; InvalidInput when it is not one."""
    try:
        raw = orjson.loads(value or b"")
        names, features, at_least = raw["feature_names"], raw["features"], raw["at_least"]
        if len(names) > MOST_FEATURES or (features and len(features) != len(names)):
            raise InvalidInput(f"features match their names, got {len(features)} of {len(names)}")
        if any(not (value is None or isinstance(value, float | int)) for value in features):
            raise InvalidInput(f"a feature is a number or null, got {features}")
        if at_least is not None and (len(at_least) != _LEVELS or any(not isinstance(p, float | int) for p in at_least)):
            raise InvalidInput(f"at_least is {_LEVELS} numbers or null, got {at_least}")
        if not is_id(raw["city"]) or not is_id(raw["model"]):
            raise InvalidInput(f"city and model are ids, got {raw['city']!r} and {raw['model']!r}")
        return Served(
            offset=offset,
            city=raw["city"],
            model=raw["model"],
            version=int(raw["version"]),
            t_ms=parse_rfc3339(raw["t"]),
            names=tuple(names),
            features=features,
            at_least=at_least,
            multiplier=float(raw["multiplier"]),
            stale=bool(raw["degraded"]),
            named=raw.get("rider") is not None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"not a prediction: {type(error).__name__} {error}, got {(value or b'')[:120]!r}") from error


def ended_of(offset: int, value: bytes | None) -> Ended:
    """Read a record of `bookings`; InvalidInput when it is not one."""
    try:
        raw = orjson.loads(value or b"")
        if raw["outcome"] not in (BOOKED, NOT_BOOKED) or not is_id(raw["city"]):
            raise InvalidInput(f"an outcome is {BOOKED} or {NOT_BOOKED} in a city, got {raw['outcome']!r}")
        multiplier = raw.get("multiplier")
        return Ended(
            offset,
            raw["city"],
            parse_rfc3339(raw["t"]),
            raw["outcome"] == BOOKED,
            float("nan") if multiplier is None else float(multiplier),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"not an outcome: {type(error).__name__} {error}, got {(value or b'')[:120]!r}") from error


def matrix(rows: Sequence[Served], reference: Reference) -> npt.NDArray[np.float64]:
    """Rows in the columns of a reference; a feature that a record does not tell is missing."""
    columns = reference.served
    found = np.full((len(rows), len(columns)), np.nan)
    features = [at for at, column in enumerate(columns.columns) if column.group == "features"]
    wanted = [columns.names[at] for at in features]
    for names, chosen in _by(range(len(rows)), lambda at: rows[at].names if rows[at].features else ()).items():
        if not names:
            continue
        values = np.array([rows[at].features for at in chosen], np.float64)
        if list(names) != wanted:
            place = {name: at for at, name in enumerate(names)}
            order = [place.get(name, len(names)) for name in wanted]
            values = np.column_stack([values, np.full(len(values), np.nan)])[:, order]
        found[np.ix_(chosen, features)] = values
    spoken = [at for at, row in enumerate(rows) if row.at_least is not None]
    if spoken and len(features) < len(columns):
        levels = np.array([rows[at].at_least for at in spoken], np.float64)[:, 1:].mean(axis=1)
        told = {"at_least": levels, "multiplier": np.round([rows[at].multiplier * 100 for at in spoken])}
        for at in range(len(features), len(columns)):
            found[spoken, at] = told[columns.names[at]]
    return found


def comparable(rows: Sequence[Served], reference: Reference) -> list[Served]:
    """The rows that a reference can be compared with: where training knew riders' trips alone, riders' quotes alone."""
    return [row for row in rows if row.named or not reference.named]


def outcomes_matrix(rows: Sequence[Ended], columns: Columns) -> npt.NDArray[np.float64]:
    """Rows in the columns of outcomes."""
    booked = np.array([row.booked for row in rows], np.float64)
    told = booked_columns(booked, np.array([row.multiplier for row in rows], np.float64))
    return np.column_stack([told[name] for name in columns.names])


def by_register(rows: Iterable[Served | Ended]) -> dict[tuple[str, str, int, int], list[Any]]:
    """Rows by city, model, version (none of outcomes) and five minutes."""
    return _by(
        rows,
        lambda row: (
            (row.city, row.model, row.version, row.t_ms // BUCKET_MS)
            if isinstance(row, Served)
            else (row.city, "", 0, row.t_ms // BUCKET_MS)
        ),
    )


def _by(items: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found
