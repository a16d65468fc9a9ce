"""The series of means that are watched: what each is of, what training expects at an hour, and what a register tells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.drift import fixed
from wayfare.domain.drift.columns import Column, Group, Reference, read_reference
from wayfare.domain.drift.register import Register
from wayfare.domain.errors import InvalidInput
from wayfare.domain.models.between import PRIOR
from wayfare.domain.models.reference import CHARTED, of_weekend

Float = npt.NDArray[np.float64]

CHECKS = ("moments", "categories", "missing", "unseen", "stale", "predictions", "booking_rate", "calibration")
SHRINK_ROWS = 50.0
"""Rows of an hour of the week at which it counts as much as the whole."""
PARTS = tuple(f"{kind}:{hour}" for kind in ("weekday", "weekend") for hour in range(24))
STALE_EXPECTED = 0.01
"""Share of quotes that are degraded, or without the model's word, in normal service; training has no such rows."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series. what: mean, variance, missing, unseen, stale, or a category's position. column: -1 for a register's rows."""

    check: str
    group: Group
    column: int
    feature: str
    what: str | int


@dataclass(frozen=True)
class Expected:
    """What training expects of each series at one hour: mean, variance per row, skewness, and the effects
    (variances of hour, day, the reference's own error and five minutes, in units of the rows'). shared: the part of the rows'
    variance that rows of one time have alike, as training saw it."""

    mean: Float
    variance: Float
    skewness: Float
    shared: Float
    effects: Float


def series_of(reference: Reference) -> list[Series]:
    """Every series that a reference supports: none of schema 1, which lacks the effects of hours and days."""
    if reference.schema < 2:
        return []
    found = [Series("stale", "features", -1, "", "stale")]
    for at, column in enumerate(reference.served.columns):
        predicted = column.group == "predictions"
        if column.kind == "number" and column.entry.get("kurtosis"):
            shapes = ("mean",) if predicted or column.shared else ("mean", "variance")
            found += [
                Series("predictions" if predicted else "moments", column.group, at, column.name, w) for w in shapes
            ]
        elif column.kind == "category":
            charted = range(min(CHARTED, len(column.listed)))
            check = "predictions" if predicted else "categories"
            found += [Series(check, column.group, at, column.name, number) for number in charted]
        found.append(Series("stale" if predicted else "missing", column.group, at, column.name, "missing"))
        if column.entry["mean"] is not None and not predicted and column.kind != "clock" and not column.shared:
            found.append(Series("unseen", column.group, at, column.name, "unseen"))
    for at, column in enumerate(reference.outcomes.columns):
        if column.entry.get("variance"):
            check = "booking_rate" if column.name == "booked" else "calibration"
            found.append(Series(check, "outcomes", at, column.name, "mean"))
    return found


def checked_reference(data: bytes) -> Reference:
    """The reference, once what every hour of the week expects of every series could be told; else InvalidInput.

    Who judges by it then meets no surprise: a reference that is not of the promised form leaves drift unknown.
    """
    reference = read_reference(data)
    try:
        series = series_of(reference)
        for part in PARTS:
            told = expected_of(reference, series, part)
            if not all(np.isfinite(values).all() for values in (told.mean, told.variance, told.effects)):
                raise ValueError(f"numbers of {part} are not finite")
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
        raise InvalidInput(f"not a drift reference: {type(error).__name__} {error}, got {data[:200]!r}") from error
    return reference


def part_of_week(weekday: int, hour: int) -> str:
    """The key of a local hour in `by_hour`. weekday: 0 = Monday."""
    return f"{'weekend' if of_weekend(np.array(weekday), np.array(hour)) else 'weekday'}:{hour}"


def expected_of(reference: Reference, series: Sequence[Series], part: str) -> Expected:
    """What training expects at a part of the week, shrunk to the whole."""
    rows = [
        (*_rate(STALE_EXPECTED, 1e4), 2 * PRIOR, PRIOR, PRIOR, 0.0, 0.0)
        if one.what == "stale" or (one.group == "predictions" and one.what == "missing")
        else _one(reference.columns(one.group).columns[one.column], one.what, part)
        for one in series
    ]
    told = np.array(rows, np.float64).reshape(len(rows), 8).T
    return Expected(told[0], told[1], told[2], told[3], told[4:])


def _one(column: Column, what: str | int, part: str) -> tuple[float, ...]:
    entry = column.entry
    cell = entry["by_hour"].get(part)
    between = entry["between"]
    hour, day, *rest = between["categories"][what] if isinstance(what, int) else between[_effects_of(what)]
    moment = rest[0] if rest else 0.0
    if cell and (own := cell.get("effects")):
        hour = own["categories"][what] if isinstance(what, int) else own[_effects_of(what)]
    known = known_of(cell)
    weight = known / (known + SHRINK_ROWS)
    if what == "unseen":
        rate = _rate(_never_seen(column), known_of(entry))
        return (*rate, hour + day + moment, hour, day, 1.0 / max(1.0, known_of(entry)), moment)
    if what == "missing":
        share = (1 - weight) * entry["missing"] + weight * (cell["missing"] if cell and weight else 0.0)
        found = _rate(share, entry["rows"])
    elif isinstance(what, int):
        total, within = sum(entry["counts"]), sum(cell["counts"]) if cell else 0
        share = (1 - weight) * entry["counts"][what] / max(1, total)
        if cell and within:
            share += weight * cell["counts"][what] / within
        found = _rate(share, total)
    else:
        mean, variance = shrunk(entry, cell, weight)
        if column.shared:
            # An hour of one day has no spread of its own.
            variance = float(entry["variance"])
        skewness, kurtosis = _blend("skewness", entry, cell, weight), _blend("kurtosis", entry, cell, weight)
        if what == "mean":
            found = ((mean - column.centre) / column.scale, variance / column.scale**2, skewness)
        else:
            found = (0.0, max(1e-3, kurtosis - 1.0), _blend("square_skewness", entry, cell, weight))
    return (*found, hour + day + moment, *_with_errors(hour, day, entry, cell, weight, what), moment)


def known_of(entry: Mapping[str, Any] | None) -> float:
    """Rows of a part of the reference in which the feature is there."""
    return 0.0 if entry is None or entry["mean"] is None else float(entry["rows"] * (1.0 - entry["missing"]))


def _effects_of(what: str) -> str:
    return what if what in ("mean", "variance") else "missing"


def _with_errors(
    hour: float, day: float, entry: Mapping[str, Any], cell: Mapping[str, Any] | None, weight: float, what: str | int
) -> tuple[float, float, float]:
    """The effects' variances with what a reference of few rows and days does not know."""
    days = max(1.0, float(max((part["days"] for part in entry["by_hour"].values()), default=1)))
    if cell is not None and weight:
        error = weight**2 * (1.0 / max(1.0, known_of(cell)) + (hour + day) / max(1, cell["days"]))
    else:
        error = 0.0
    if what == "mean" and entry["variance"]:
        means = [part["mean"] for part in entry["by_hour"].values() if part["mean"] is not None]
        spread = float(np.var(means)) / entry["variance"] if means else PRIOR
        error += (1.0 - weight) ** 2 * max(spread, PRIOR)
    else:
        error += (1.0 - weight) ** 2 * PRIOR
    rows = float(entry["rows"]) if what == "missing" else known_of(entry)
    return hour + error, day, day / days + 1.0 / max(1.0, rows)


def shrunk(entry: Mapping[str, Any], cell: Mapping[str, Any] | None, weight: float) -> tuple[float, float]:
    """Mean and variance of an hour of the week, mixed with the whole by `weight`."""
    mean, variance = float(entry["mean"]), float(entry["variance"])
    if cell is None or not weight:
        return mean, variance
    apart = float(cell["mean"]) - mean
    return mean + weight * apart, (
        weight * float(cell["variance"]) + (1 - weight) * variance + weight * (1 - weight) * apart**2
    )


def _blend(name: str, entry: Mapping[str, Any], cell: Mapping[str, Any] | None, weight: float) -> float:
    whole = entry.get(name) or 0.0
    own = cell.get(name) if cell else None
    return float(whole if own is None else (1 - weight) * whole + weight * own)


def _rate(share: float, rows: float) -> tuple[float, float, float]:
    """Mean, variance and skewness of an indicator, as far from 0 and 1 as `rows` allow one to know."""
    p = (share * rows + 1.0) / (rows + 2.0)
    variance = p * (1.0 - p)
    return p, variance, (1.0 - 2.0 * p) / math.sqrt(variance)


def _never_seen(column: Column) -> float:
    """Share of values that training would not have seen either: singletons by Good and Turing, or two ends of a range."""
    if column.kind == "number":
        return 2.0 / max(2, int(column.entry["rows"]))
    counts = [int(count) for count in column.entry["categories"].values()]
    return counts.count(1) / max(1, sum(counts))


def observed_of(
    reference: Reference,
    series: Sequence[Series],
    expected: Expected,
    foreseen: tuple[Float, Float],
    served: Register | None,
    outcomes: Register | None,
) -> tuple[Float, Float]:
    """How many values are behind each series, and their mean. foreseen: what `Bank.foreseen` says of these five minutes."""
    n, x = np.zeros(len(series)), np.zeros(len(series))
    for at, one in enumerate(series):
        register = outcomes if one.group == "outcomes" else served
        if register is None:
            continue
        known = int(register.known[one.column])
        if one.what == "stale":
            n[at], total = register.rows, float(register.stale)
        elif one.what == "missing":
            n[at], total = register.rows, float(register.rows - known)
        elif one.what == "unseen":
            n[at], total = known, float(register.unseen[one.column])
        elif one.what == "mean":
            n[at], total = known, register.first[one.column] / fixed.ONE
        elif one.what == "variance":
            n[at], total = known, _squares(register, one.column, known, expected, foreseen, at - 1)
        else:
            begin = reference.columns(one.group).offsets[one.column]
            n[at], total = known, float(register.counts[begin + int(one.what)])
        if n[at] > 0:
            x[at] = total / n[at]
    return n, x


def _squares(
    register: Register, column: int, known: int, expected: Expected, foreseen: tuple[Float, Float], mean_at: int
) -> float:
    """Sum of squared distances from the mean that is foreseen, in the variance that is expected, less what rows come to.

    About training's mean a busy night's rows are all far away, and its effect would be told as spread. Training's variance of
    an hour holds what moments, hours and days differ by; about what is foreseen only its error is left of that.
    """
    if not known:
        return 0.0
    mean, variance = float(expected.mean[mean_at]), float(expected.variance[mean_at])
    effect, error = float(foreseen[0][mean_at]), float(foreseen[1][mean_at])
    about = fixed.mean_square_about(register.first[column], register.second[column], known, mean + effect)
    return float(known * ((about - error) / variance - 1.0 + expected.shared[mean_at]))
