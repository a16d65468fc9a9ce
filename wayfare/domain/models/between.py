"""How much moments, hours and days differ beyond what their rows explain: the variance components of shared effects.

Pairs of standardised residuals of one five minutes have mean moment + hour + day, pairs of different five minutes of one hour
hour + day, pairs of different hours of one day day (faded by the time between them), by the method of moments: unbiased
whatever the distribution. A pair's mean from D days is itself uncertain, so it is shrunk to a prior and raised by one
standard error: to believe that days are alike takes days.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

PRIOR = 0.01
"""Variance of a shared effect where nothing is known, in units of a row's variance: 0.1 standard deviations."""
PRIOR_DAYS = 4.0
PRIOR_HOURS = 24.0
DOUBT = 2.0
_FADED = 0.72
"""Mean of exp(-hours apart / 24) over pairs of hours of one day."""


@dataclass(frozen=True)
class When:
    """When each row was, [rows]: local dates and hours, the hour of the week (0 to 47), and its five minutes, by any number.

    Where slots are not known every row is of a slot of its own, and hours are what differs soonest.
    """

    dates: Int
    hours: Int
    cells: Int
    slots: Int

    def of(self, there: npt.NDArray[np.bool_]) -> When:
        """The same of some of the rows."""
        return When(self.dates[there], self.hours[there], self.cells[there], self.slots[there])


@dataclass(frozen=True)
class _Hours:
    """Each hour of a date: its day and cell, rows, sum, and of the pairs of its different slots their number and products."""

    day: Int
    cell: Int
    rows: Int
    total: Float
    pairs: Float
    products: Float
    slots: tuple[float, float]
    """Pairs of rows of one slot, and their products."""


def _hours_of(r: Float, when: When) -> _Hours:
    _, first, group = np.unique(when.dates * 24 + when.hours, return_index=True, return_inverse=True)
    _, day = np.unique(when.dates, return_inverse=True)
    _, begins, slot = np.unique(when.slots, return_index=True, return_inverse=True)
    n, s = np.bincount(group), np.bincount(group, r)
    n_slot, s_slot = np.bincount(slot), np.bincount(slot, r)
    hour_of = group[begins]
    pairs = np.asarray(n**2.0 - np.bincount(hour_of, n_slot**2.0, len(n)), np.float64)
    products = np.asarray(s**2 - np.bincount(hour_of, s_slot**2, len(n)), np.float64)
    within = float((n_slot * (n_slot - 1.0)).sum()), float((s_slot**2).sum() - (r**2).sum())
    return _Hours(day[first], when.cells[first], n, np.asarray(s, np.float64), pairs, products, within)


def between(residual: Float, when: When, prior: float = PRIOR) -> list[float]:
    """Variances of the effects of an hour, of a day and of five minutes, in units of the rows' variance. residual: mean 0,
    variance 1 per cell."""
    there = ~np.isnan(residual)
    if not there.any():
        return [prior, prior, 0.0]
    found = _hours_of(residual[there], when.of(there))
    n_day, s_day = np.bincount(found.day, found.rows), np.bincount(found.day, found.total)
    same_hour = float(found.pairs.sum())
    same_day = float((n_day**2).sum() - (found.rows.astype(np.float64) ** 2).sum())
    # A cell's mean was fitted to its own days, which hides a part of their differences.
    free_groups = max(0, len(found.rows) - len(np.unique(found.cell)))
    free_days = max(0, len(n_day) - len(np.unique(found.cell >= 24)))
    seen = len(found.rows) / max(1, free_groups)
    both = float(found.products.sum()) / same_hour * seen if same_hour and free_groups else prior
    one = (
        float((s_day**2).sum() - (found.total**2).sum()) / same_day / _FADED * seen if same_day and free_days else prior
    )
    of_day = _cautious(max(0.0, one), free_days, PRIOR_DAYS, prior)
    of_hour = _cautious(max(0.0, both - max(0.0, one)), free_groups, PRIOR_HOURS, prior)
    pairs, products = found.slots
    of_moment = max(0.0, products / pairs * seen - max(0.0, both)) if pairs and free_groups else 0.0
    return [of_hour, of_day, of_moment]


def hour_by_cell(residual: Float, when: When, whole: list[float]) -> Float:
    """The variance of an hour's effect in each hour of the week, [48]: that of all hours, or more where its own is beyond doubt.

    When an arena empties on some nights, that hour differs from night to night as no other does. Without an effect the mean
    of products has the standard error sqrt(2 / pairs), whatever the distribution; twice that is taken off (a soft
    threshold), so that an hour of few rows is left as all are. whole: what `between` says of the same residuals.
    """
    there = ~np.isnan(residual)
    effects = np.full(48, whole[0])
    if not there.any():
        return effects
    found = _hours_of(residual[there], when.of(there))
    pairs, products = np.bincount(found.cell, found.pairs, 48), np.bincount(found.cell, found.products, 48)
    days = np.bincount(found.cell, minlength=48)
    for at in np.flatnonzero((days > 1) & (pairs > 0)):
        # The cell's mean was fitted to these days.
        both = products[at] / pairs[at] * days[at] / (days[at] - 1)
        more = both - whole[0] - whole[1] - DOUBT * math.sqrt(2.0 / pairs[at])
        if more > 0:
            effects[at] += more * (1.0 + math.sqrt(2.0 / days[at]))
    return effects


def _cautious(found: float, freedom: float, weight: float, prior: float) -> float:
    shrunk = (freedom * found + weight * prior) / (freedom + weight)
    return shrunk * (1.0 + math.sqrt(2.0 / (freedom + weight)))
