"""How good a surge model is, beside trivial and strong baselines, each figure with its interval.

A model answers `at_least` [n, 7] (P(multiplier >= level), never increasing); truth is the position of the recorded
level. Intervals are percentile bootstraps over groups of rows (hours), because rows of one hour share their market:
resampling single rows would give intervals that are too narrow (Cameron, Gelbach, Miller, Bootstrap-based improvements
for inference with clustered errors, 2008).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.pricing.surge import LEVELS

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

STEPS = len(LEVELS)
_SMALLEST = 1e-7


def positions(multipliers: npt.ArrayLike) -> Int:
    """Positions in LEVELS of recorded multipliers; ValueError for one that is no level."""
    values = np.asarray(multipliers, np.float64)
    found = np.searchsorted(LEVELS, values)
    if not np.array_equal(np.asarray(LEVELS)[np.minimum(found, STEPS - 1)], values):
        raise ValueError(f"a multiplier is one of {LEVELS}, got {np.setdiff1d(values, LEVELS)[:5]}")
    return found.astype(np.int64)


def reached(truth: Int) -> Float:
    """The targets of the network: 1 where a row's level is at least LEVELS[j], float64 [n, 7]; the first column is 1."""
    return np.asarray(truth[:, None] >= np.arange(STEPS)[None, :], np.float64)


def decoded(at_least: Float) -> Int:
    """Positions in LEVELS that `pricing.surge.decode` reads off each row."""
    return np.asarray(np.cumprod(at_least[:, 1:] >= 0.5, axis=1).sum(axis=1), np.int64)


def at_least_of(classes: Float) -> Float:
    """`at_least` of probabilities of the seven levels [n, 7]."""
    return np.asarray(np.cumsum(classes[:, ::-1], axis=1)[:, ::-1] / classes.sum(axis=1, keepdims=True), np.float64)


def accuracy(truth: Int, at_least: Float) -> float:
    """Share of rows whose decoded level is the recorded one."""
    return float((decoded(at_least) == truth).mean())


def mae(truth: Int, at_least: Float) -> float:
    """Mean absolute error of the decoded multiplier."""
    levels = np.asarray(LEVELS)
    return float(np.abs(levels[decoded(at_least)] - levels[truth]).mean())


def macro_f1(truth: Int, at_least: Float) -> float:
    """Mean over the levels that occur in truth of the F1 of each: rare levels weigh as much as 1.0 does."""
    table = confusion(truth, at_least)
    occurs = table.sum(axis=1) > 0
    hits = np.diag(table).astype(np.float64)
    return float((2 * hits / np.maximum(table.sum(axis=1) + table.sum(axis=0), 1))[occurs].mean())


def log_loss(truth: Int, at_least: Float) -> float:
    """Binary cross-entropy, both terms, mean over rows and the six informative thresholds: what the network minimises."""
    p = np.clip(at_least[:, 1:], _SMALLEST, 1 - _SMALLEST)
    y = reached(truth)[:, 1:]
    return float(-(y * np.log(p) + (1 - y) * np.log1p(-p)).mean())


def auc(positive: npt.NDArray[np.bool_], score: Float) -> float:
    """P(a positive row scores above a negative one), ties half (Mann-Whitney); NaN when one kind does not occur."""
    _, inverse, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[inverse]
    n = int(positive.sum())
    if n == 0 or n == len(positive):
        return float("nan")
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * (len(positive) - n)))


def auc_from(step: int) -> Callable[[Int, Float], float]:
    """The AUC of one threshold: how well `at_least[step]` tells rows that reached LEVELS[step]."""
    return lambda truth, at_least: auc(truth >= step, at_least[:, step])


def confusion(truth: Int, at_least: Float) -> Int:
    """Rows by recorded (row) and decoded (column) level, int64 [7, 7]."""
    return np.bincount(truth * STEPS + decoded(at_least), minlength=STEPS * STEPS).reshape(STEPS, STEPS)


def calibration(truth: Int, at_least: Float, step: int, bins: int = 10) -> list[dict[str, float]]:
    """Said and seen frequency of reaching a threshold, in bins of equal width; bins without rows are left out."""
    said, seen = at_least[:, step], truth >= step
    place = np.minimum((said * bins).astype(int), bins - 1)
    return [
        {
            "rows": int((here := place == number).sum()),
            "said": float(said[here].mean()),
            "seen": float(seen[here].mean()),
        }
        for number in np.unique(place)
    ]


METRICS: Mapping[str, Callable[[Int, Float], float]] = {
    "accuracy": accuracy,
    "mae": mae,
    "macro_f1": macro_f1,
    "log_loss": log_loss,
    **{f"auc_{LEVELS[step]}": auc_from(step) for step in range(1, STEPS)},
}


def evaluate(truth: Int, at_least: Float, groups: Int, draws: int = 200, seed: int = 1) -> dict[str, Any]:
    """Every metric as [value, low, high] (95 %), the confusion table and the calibration of the first threshold.

    groups: which group, for example an hour, each row belongs to; whole groups are drawn again.
    """
    generator = np.random.default_rng(seed)
    names, member = np.unique(groups, return_inverse=True)
    rows_of = np.split(np.argsort(member, kind="stable"), np.cumsum(np.bincount(member))[:-1])
    drawn: dict[str, list[float]] = {name: [] for name in METRICS}
    for _ in range(draws):
        rows = np.concatenate([rows_of[i] for i in generator.integers(0, len(names), len(names))])
        for name, metric in METRICS.items():
            drawn[name].append(metric(truth[rows], at_least[rows]))
    return {
        "metrics": {
            name: [_finite(value) for value in (metric(truth, at_least), *_interval(drawn[name]))]
            for name, metric in METRICS.items()
        },
        "confusion": confusion(truth, at_least).tolist(),
        "calibration": {str(LEVELS[step]): calibration(truth, at_least, step) for step in range(1, STEPS)},
    }


def _interval(values: list[float]) -> tuple[float, float]:
    known = np.array(values)[~np.isnan(values)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def _finite(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
