"""What each feature looked like in training: the reference that drift in production is measured against.

Moments up to the fourth, because the false-alarm rate of a divergence from mean and variance alone is wrong on skewed
features; overall, and by hour of weekdays and weekends (from Friday evening to Sunday evening), because a feature that follows
the clock would otherwise "drift" every night; and how much hours and days differ beyond what their rows explain, because riders of one hour share
weather and traffic.

Schema 2 adds to schema 1: kinds, bins with counts, the skewness of squares, categories by hour, the variance between hours and
days, and the same of what the model said (`predictions`) and of bookings (`outcomes`). Readers take both. A part that a schema-2 file of an earlier version
lacks (`shared`, `named`, what five minutes share) is 0; an hour of the week without `effects` of its own has those of all hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.models.between import PRIOR, When, between, hour_by_cell
from wayfare.domain.pricing.surge import LEVELS

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

SCHEMA = 2
QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
FEWEST_ROWS = 20
"""A part of the week with fewer rows than this is left out."""
MOST_LISTED = 30
"""Categories that are counted one by one, the most frequent ones; all others are "other"."""
CHARTED = 12
"""Listed categories whose shares are watched one by one; the others show in the whole."""
MOSTLY_SHARED = 0.5
"""From this part of its variance on a feature is of the hour and the day (weather) rather than of the row."""
EVENING = 18
"""Local hour from which Friday is like Saturday and Sunday like Monday: who goes out at night, and when, follows the day after."""
CLOCK = ("hour", "weekday")
"""Kinds of features that are the clock itself: they cannot drift, and only whether they are there is watched."""
BOOKED = ("booked", *(f"booked_at_{round(level * 100)}" for level in LEVELS))
"""Columns of outcomes: whether a quote was booked, and the same of each multiplier alone: what demand answers to a price."""


@dataclass(frozen=True)
class Outcomes:
    """Ended quotes: booked is 1 or 0, multipliers as quoted (NaN where not told), hour, weekday and date local."""

    booked: Float
    multipliers: Float
    hours: Int
    weekdays: Int
    dates: Int


def booked_columns(booked: Float, multipliers: Float) -> dict[str, Float]:
    """The columns of outcomes by name: a quote is missing in the columns of the multipliers that it did not have."""
    found = {BOOKED[0]: booked}
    for name, level in zip(BOOKED[1:], LEVELS, strict=True):
        found[name] = np.where(np.isclose(multipliers, level), booked, np.nan)
    return found


def moments(values: Float) -> dict[str, Any]:
    """rows, missing (share), mean, variance, skewness, kurtosis (3 for a normal one) of values, NaN being missing.

    square_skewness is the skewness of squared distances from the mean. Moments are null without values; shapes are
    null where all values are equal.
    """
    known = values[~np.isnan(values)]
    found: dict[str, Any] = {
        "rows": len(values),
        "missing": round(1.0 - len(known) / len(values), 6) if len(values) else None,
        "mean": None,
        "variance": None,
        "skewness": None,
        "kurtosis": None,
        "square_skewness": None,
    }
    if len(known):
        off = known - known.mean()
        variance = float((off**2).mean())
        found |= {"mean": float(known.mean()), "variance": variance}
        if variance > 1e-12 * max(1.0, float(np.abs(known).max()) ** 2):
            found |= {
                "skewness": float((off**3).mean() / variance**1.5),
                "kurtosis": float((off**4).mean() / variance**2),
            }
            squares = off**2 - variance
            spread = float((squares**2).mean())
            if spread > 1e-12 * variance**2:
                found["square_skewness"] = float((squares**3).mean() / spread**1.5)
    return found


def bin_of(values: Float, edges: Sequence[float]) -> Int:
    """The bin of each value: bin i ends before edges[i], the last one is open."""
    return np.searchsorted(np.asarray(edges, np.float64), values, side="right").astype(np.int64)


def of_weekend(weekdays: Int, hours: Int) -> npt.NDArray[np.bool_]:
    """Which local hours are of the weekend: from Friday's EVENING to Sunday's. weekdays: 0 = Monday.

    >>> of_weekend(np.array([4, 4, 5, 6, 6, 0]), np.array([17, 18, 9, 17, 18, 1])).tolist()
    [False, True, True, True, False, False]
    """
    return np.asarray((weekdays == 5) | ((weekdays == 4) & (hours >= EVENING)) | ((weekdays == 6) & (hours < EVENING)))


def describe(
    values: Float,
    hours: Int,
    weekdays: Int,
    categorical: bool,
    dates: Int | None = None,
    kind: str = "",
    slots: Int | None = None,
) -> Any:
    """The reference of one feature. hours: 0-23, weekdays: 0 = Monday, both local. dates, slots: any number of each local day
    and of each five minutes.

    Numbers have quantiles and bins, categories the count of each; `by_hour` has keys `weekday:<hour>` and `weekend:<hour>`.
    """
    dates = np.zeros(len(values), np.int64) if dates is None else dates
    known = values[~np.isnan(values)]
    shape: dict[str, Any] = {"kind": kind or ("category" if categorical else "number")}
    listed: list[int] = []
    edges: list[float] = []
    if categorical:
        names, counts = np.unique(known, return_counts=True)
        shape["categories"] = {str(int(name)): int(count) for name, count in zip(names, counts, strict=True)}
        listed = [int(names[at]) for at in np.argsort(-counts, kind="stable")[:MOST_LISTED]]
        shape["listed"] = listed
    else:
        at = np.quantile(known, QUANTILES).tolist() if len(known) else []
        shape["quantiles"] = {str(part): value for part, value in zip(QUANTILES, at, strict=False)}
        edges = sorted(set(at[1:-1]))
        shape["edges"] = edges
    parts = {}
    code = _codes(values, listed, edges, categorical)
    width = len(listed) + 1 if categorical else len(edges) + 1
    shape["counts"] = np.bincount(code[code >= 0], minlength=width).tolist()
    residual = np.full(len(values), np.nan)
    weekend = of_weekend(weekdays, hours)
    for name, days in (("weekday", ~weekend), ("weekend", weekend)):
        for hour in range(24):
            here = days & (hours == hour)
            if not here.any():
                continue
            found = moments(values[here])
            if found["variance"]:
                residual[here] = (values[here] - found["mean"]) / np.sqrt(found["variance"])
            if int(here.sum()) >= FEWEST_ROWS:
                counts = np.bincount(code[here & (code >= 0)], minlength=width).tolist()
                parts[f"{name}:{hour}"] = found | {"counts": counts, "days": len(np.unique(dates[here]))}
    when = When(dates, hours, hours + 24 * weekend, np.arange(len(values)) if slots is None else slots)
    shape["shared"] = shared = _shared(values, dates * 24 + hours)
    shape["between"], own = _effects(values, residual, code, listed if categorical else None, when, shared)
    for name, part in parts.items():
        days_of, hour_of = name.split(":")
        part["effects"] = own[int(hour_of) + 24 * (days_of == "weekend")]
    return moments(values) | shape | {"by_hour": parts}


def _shared(values: Float, moments_: Int) -> float:
    """The part of the variance that lies between hours of days: 1 for weather, which all rows of an hour have alike."""
    known = ~np.isnan(values)
    if not known.any() or not (variance := float(values[known].var())):
        return 0.0
    _, group = np.unique(moments_[known], return_inverse=True)
    rows = np.bincount(group)
    free = int(known.sum()) - len(rows)
    if not free:
        return 0.0
    apart = values[known] - (np.bincount(group, values[known]) / rows)[group]
    return round(max(0.0, 1.0 - float((apart**2).sum()) / free / variance), 4)


def _codes(values: Float, listed: Sequence[int], edges: Sequence[float], categorical: bool) -> Int:
    """Position among the listed categories (the one after them: other) or the bin; -1 where missing."""
    there = ~np.isnan(values)
    code = np.full(len(values), -1, np.int64)
    if categorical:
        at = {name: number for number, name in enumerate(listed)}
        code[there] = [at.get(int(value), len(listed)) for value in values[there]]
    else:
        code[there] = bin_of(values[there], edges)
    return code


def _standard(values: Float, cells: Int) -> Float:
    """Values minus their cell's mean in its standard deviations; NaN where a cell does not vary."""
    there = ~np.isnan(values)
    count = np.bincount(cells[there], minlength=48).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(cells[there], values[there], 48) / count
        spread = np.sqrt(np.bincount(cells[there], (values[there] - mean[cells[there]]) ** 2, 48) / count)
        standard = (values - mean[cells]) / spread[cells]
    return np.where(spread[cells] > 1e-9, standard, np.nan)


def _effects(
    values: Float, residual: Float, code: Int, listed: Sequence[int] | None, when: When, shared: float
) -> tuple[dict[str, Any], list[dict[str, Any] | None]]:
    """What is shared adds to the variance of each series of a feature: [hour, day, moment] over the whole, and the hour's in
    each of the 48 hours of the week (None of what is mostly shared). residual: in the cell's standard deviations.
    """
    cells = when.cells
    prior = PRIOR if shared < MOSTLY_SHARED else 1.0
    watched = {
        "mean": (residual, prior),
        "variance": (_standard(residual**2, cells), PRIOR),
        "missing": (_standard(np.isnan(values).astype(np.float64), cells), PRIOR),
    }
    whole: dict[str, Any] = {what: between(one, when, given) for what, (one, given) in watched.items()}
    charted = [
        _standard(np.where(code < 0, np.nan, (code == number).astype(np.float64)), cells)
        for number in range(min(len(listed or ()), CHARTED))
    ]
    whole["categories"] = None if listed is None else [between(one, when) for one in charted]
    if shared >= MOSTLY_SHARED:
        return whole, [None] * 48
    own = {what: hour_by_cell(one, when, whole[what]) for what, (one, _prior) in watched.items()}
    each = [hour_by_cell(one, when, of_all) for one, of_all in zip(charted, whole["categories"] or [], strict=True)]
    return whole, [
        {what: float(found[cell]) for what, found in own.items()}
        | {"categories": None if listed is None else [float(found[cell]) for found in each]}
        for cell in range(48)
    ]


def drift_reference(
    names: Sequence[str],
    categorical: Sequence[bool],
    values: Float,
    hours: Int,
    weekdays: Int,
    dates: Int | None = None,
    kinds: Sequence[str] | None = None,
    at_least: Float | None = None,
    multipliers: Float | None = None,
    booked: Outcomes | None = None,
    named: float = 0.0,
    slots: Int | None = None,
) -> Any:
    """The content of `drift_reference.json`: the reference of every feature. values: float64 [rows, features].

    at_least: what the model says of these rows, [rows, 7], and the multipliers read off it. booked: of quotes and not of
    trips; None where no outcome of a quote is known yet. named: the share of the rows that name their rider. slots: a number for
    the five minutes of each row.
    """
    kinds = kinds or ["category" if category else "number" for category in categorical]
    predictions = outcomes = None
    if at_least is not None and multipliers is not None:
        predictions = {
            "at_least": describe(expected_level(at_least), hours, weekdays, False, dates, "", slots),
            "multiplier": describe(np.round(multipliers * 100), hours, weekdays, True, dates, "", slots),
        }
    if booked is not None:
        outcomes = {
            name: describe(
                booked_columns(booked.booked, booked.multipliers)[name],
                booked.hours,
                booked.weekdays,
                False,
                booked.dates,
            )
            for name in BOOKED
        }
    return {
        "schema": SCHEMA,
        "rows": len(values),
        "days": 0 if dates is None else len(np.unique(dates)),
        "named": round(named, 6),
        "features": {
            name: describe(values[:, column], hours, weekdays, is_category, dates, kind if kind in CLOCK else "", slots)
            for column, (name, is_category, kind) in enumerate(zip(names, categorical, kinds, strict=True))
        },
        "predictions": predictions,
        "outcomes": outcomes,
    }


def expected_level(at_least: Float) -> Float:
    """One number of `at_least` [rows, 7]: the mean of the six that carry information, the expected level from 0 to 1."""
    return np.asarray(at_least[:, 1:].mean(axis=1), np.float64)
