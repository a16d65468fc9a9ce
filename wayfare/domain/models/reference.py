"""What each feature looked like in training: the reference that drift in production is measured against.

Moments up to the fourth, because the false-alarm rate of a divergence from mean and variance alone is wrong on skewed
features; overall, and by hour of weekdays and weekends, because a feature that follows the clock would otherwise
"drift" every night.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

SCHEMA = 1
QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
FEWEST_ROWS = 20
"""A part of the week with fewer rows than this is left out."""


def moments(values: Float) -> dict[str, Any]:
    """rows, missing (share), mean, variance, skewness, kurtosis (3 for a normal one) of values, NaN being missing.

    Moments are null without values; skewness and kurtosis are null where all values are equal.
    """
    known = values[~np.isnan(values)]
    found: dict[str, Any] = {
        "rows": len(values),
        "missing": round(1.0 - len(known) / len(values), 6) if len(values) else None,
        "mean": None,
        "variance": None,
        "skewness": None,
        "kurtosis": None,
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
    return found


def describe(values: Float, hours: Int, weekdays: Int, categorical: bool) -> dict[str, Any]:
    """The reference of one feature. hours: 0-23, weekdays: 0 = Monday, both local.

    Numbers have quantiles, categories the count of each; `by_hour` has keys `weekday:<hour>` and `weekend:<hour>`.
    """
    known = values[~np.isnan(values)]
    shape: dict[str, Any]
    if categorical:
        names, counts = np.unique(known, return_counts=True)
        shape = {"categories": {str(int(name)): int(count) for name, count in zip(names, counts, strict=True)}}
    else:
        at = np.quantile(known, QUANTILES).tolist() if len(known) else []
        shape = {"quantiles": {str(part): value for part, value in zip(QUANTILES, at, strict=False)}}
    parts = {}
    for kind, days in (("weekday", weekdays < 5), ("weekend", weekdays >= 5)):
        for hour in range(24):
            here = days & (hours == hour)
            if int(here.sum()) >= FEWEST_ROWS:
                parts[f"{kind}:{hour}"] = moments(values[here])
    return moments(values) | shape | {"by_hour": parts}


def drift_reference(names: Sequence[str], categorical: Sequence[bool], values: Float, hours: Int, weekdays: Int) -> Any:
    """The content of `drift_reference.json`: the reference of every feature. values: float64 [rows, features]."""
    return {
        "schema": SCHEMA,
        "rows": len(values),
        "features": {
            name: describe(values[:, column], hours, weekdays, is_category)
            for column, (name, is_category) in enumerate(zip(names, categorical, strict=True))
        },
    }
