"""How much hours and days differ beyond what their rows explain: the variance components of a shared effect.

Pairs of standardised residuals of one hour have mean hour + day, pairs of different hours of one day have mean day (faded by
the time between them), by the method of moments: unbiased whatever the distribution. A pair's mean from D days is itself
uncertain, so it is shrunk to a prior and raised by one standard error: to believe that days are alike takes days.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

PRIOR = 0.01
"""Variance of a shared effect where nothing is known, in units of a row's variance: 0.1 standard deviations."""
PRIOR_DAYS = 4.0
PRIOR_HOURS = 24.0
DOUBT = 2.0
_FADED = 0.72
"""Mean of exp(-hours apart / 24) over pairs of hours of one day."""


def between(
    residual: npt.NDArray[np.float64],
    dates: npt.NDArray[np.int64],
    hours: npt.NDArray[np.int64],
    cells: npt.NDArray[np.int64],
    prior: float = PRIOR,
) -> list[float]:
    """Variances of the effects of an hour and of a day, in units of the rows' variance. residual: mean 0, variance 1 per cell."""
    there = ~np.isnan(residual)
    r, date, hour, cell = residual[there], dates[there], hours[there], cells[there]
    if not len(r):
        return [prior, prior]
    _, group = np.unique(date * 24 + hour, return_inverse=True)
    _, first = np.unique(group, return_index=True)
    _, day = np.unique(date, return_inverse=True)
    day_of = day[first]
    n, s, q = np.bincount(group), np.bincount(group, r), np.bincount(group, r**2)
    n_day, s_day = np.bincount(day_of, n), np.bincount(day_of, s)
    same_hour = float((n * (n - 1.0)).sum())
    same_day = float((n_day**2).sum() - (n.astype(np.float64) ** 2).sum())
    # A cell's mean was fitted to its own days, which hides a part of their differences.
    free_groups = max(0, len(n) - len(np.unique(cell)))
    free_days = max(0, len(n_day) - len(np.unique(cell >= 24)))
    seen = len(n) / max(1, free_groups)
    both = float((s**2 - q).sum()) / same_hour * seen if same_hour and free_groups else prior
    one = float((s_day**2).sum() - (s**2).sum()) / same_day / _FADED * seen if same_day and free_days else prior
    of_day = _cautious(max(0.0, one), free_days, PRIOR_DAYS, prior)
    return [_cautious(max(0.0, both - max(0.0, one)), free_groups, PRIOR_HOURS, prior), of_day]


def hour_by_cell(
    residual: npt.NDArray[np.float64],
    dates: npt.NDArray[np.int64],
    hours: npt.NDArray[np.int64],
    cells: npt.NDArray[np.int64],
    whole: list[float],
) -> npt.NDArray[np.float64]:
    """The variance of an hour's effect in each hour of the week, [48]: that of all hours, or more where its own is beyond doubt.

    When an arena empties on some nights, that hour differs from night to night as no other does. Without an effect the mean
    of products has the standard error sqrt(2 / pairs), whatever the distribution; twice that is taken off (a soft
    threshold), so that an hour of few rows is left as all are. whole: what `between` says of the same residuals.
    """
    there = ~np.isnan(residual)
    r, date, cell = residual[there], dates[there] * 24 + hours[there], cells[there]
    found = np.full(48, whole[0])
    if not len(r):
        return found
    _, first, group = np.unique(date, return_index=True, return_inverse=True)
    n, s, q = np.bincount(group), np.bincount(group, r), np.bincount(group, r**2)
    pairs = np.bincount(cell[first], n * (n - 1.0), 48)
    products = np.bincount(cell[first], s**2 - q, 48)
    days = np.bincount(cell[first], minlength=48)
    for at in np.flatnonzero((days > 1) & (pairs > 0)):
        # The cell's mean was fitted to these days.
        both = products[at] / pairs[at] * days[at] / (days[at] - 1)
        more = both - sum(whole) - DOUBT * math.sqrt(2.0 / pairs[at])
        if more > 0:
            found[at] += more * (1.0 + math.sqrt(2.0 / days[at]))
    return found


def _cautious(found: float, freedom: float, weight: float, prior: float) -> float:
    shrunk = (freedom * found + weight * prior) / (freedom + weight)
    return shrunk * (1.0 + math.sqrt(2.0 / (freedom + weight)))
