"""Divergences between training and production, and the tail probabilities that belong to them.

Kullback-Leibler divergence of N(mean, variance) from N(reference mean, reference variance), in nats:

    KL = (v/v0 + (m - m0)^2/v0 - 1 - ln(v/v0)) / 2

Without drift, n rows of skewness s and kurtosis k (3 for a normal one) give 2 n KL ~ l1 X1 + l2 X2 with independent X of
chi-square(1) and l the eigenvalues of [[1, s/sqrt 2], [s/sqrt 2, (k - 1)/2]]: both terms of the expansion are quadratic in the
errors of mean and variance, whose covariance that is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_ANGLES = (np.arange(256) + 0.5) * math.pi / 256
_COS2 = np.cos(_ANGLES) ** 2


def kl(mean: float, variance: float, reference_mean: float, reference_variance: float) -> float:
    """Divergence in nats; infinite when one of the variances is zero and the distributions differ.

    >>> round(kl(0.5, 1.0, 0.0, 1.0), 3)
    0.125
    """
    if variance <= 0 or reference_variance <= 0:
        return 0.0 if variance == reference_variance and mean == reference_mean else math.inf
    ratio = variance / reference_variance
    return max(0.0, (ratio - 1.0 - math.log(ratio) + (mean - reference_mean) ** 2 / reference_variance) / 2.0)


def two_chi_squares(value: float, first: float, second: float) -> float:
    """P(first X1 + second X2 > value) of independent chi-square(1) X1 and X2, weights at least 0.

    A Gaussian point in polar coordinates: the mean over its angle of exp(-value / (2 (first cos^2 + second sin^2))). The
    integrand is smooth and periodic, so the midpoint rule converges faster than any power: with 256 points the error is
    below 1e-10 wherever the smaller weight is at least a thousandth of the larger, and below 1e-4 for one term alone.

    >>> round(two_chi_squares(9.21034037197618, 1.0, 1.0), 12)
    0.01
    """
    if value <= 0:
        return 1.0
    weights = first * _COS2 + second * (1.0 - _COS2)
    with np.errstate(divide="ignore", over="ignore"):
        return float(np.exp(-value / (2.0 * weights)).mean())


def kl_tail(divergence: float, rows: float, skewness: float | None, kurtosis: float | None) -> float:
    """p of a divergence from `rows` (effective) rows; without a shape the normal one is taken, where it is exp(-n KL)."""
    if not math.isfinite(divergence):
        return 0.0
    s, k = (0.0, 3.0) if skewness is None or kurtosis is None else (skewness, kurtosis)
    low = (k - 1.0) / 2.0
    half, off = (1.0 + low) / 2.0, math.hypot((1.0 - low) / 2.0, s / math.sqrt(2.0))
    return two_chi_squares(2.0 * rows * divergence, half + off, max(0.0, half - off))


def chi_square_tail(value: float, degrees: int) -> float:
    """P(chi-square(degrees) > value), by the finite sum that whole degrees allow.

    >>> round(chi_square_tail(11.0705, 5), 6)
    0.05
    """
    if degrees <= 0 or value <= 0:
        return 1.0
    x = value / 2.0
    if x > 745.0:
        return 0.0
    if x < 1e-300:
        return 1.0
    tail, a = (math.exp(-x), 1.0) if degrees % 2 == 0 else (math.erfc(math.sqrt(x)), 0.5)
    while a < degrees / 2.0 - 0.25:
        tail += math.exp(a * math.log(x) - x - math.lgamma(a + 1.0))
        a += 1.0
    return min(1.0, tail)


def psi(counts: Sequence[float], expected: Sequence[float]) -> float:
    """Population stability index over bins: sum (p - q) ln(p / q). A half row stands in for an empty bin on either side.

    >>> round(psi([10, 10, 10], [1 / 3, 1 / 3, 1 / 3]), 6)
    0.0
    """
    seen, total = np.asarray(counts, np.float64), float(np.sum(counts))
    if total <= 0:
        return math.nan
    p = np.maximum(seen, 0.5) / total
    q = np.maximum(np.asarray(expected, np.float64), 0.5 / total)
    return float(((p - q) * np.log(p / q)).sum())


def g_test(counts: Sequence[float], expected: Sequence[float], inflation: float = 1.0) -> tuple[float, float]:
    """G = 2 sum o ln(o/e) and its p; G is divided by `inflation`, the variance of shares beyond that of independent rows.

    Categories of which fewer than five are expected are put together, so that the chi-square law holds.
    """
    seen, total = np.asarray(counts, np.float64), float(np.sum(counts))
    if total <= 0:
        return math.nan, math.nan
    shares = np.asarray(expected, np.float64)
    hoped = shares / max(float(shares.sum()), 1e-300) * total
    rare = hoped < 5.0
    if rare.any():
        seen = np.append(seen[~rare], seen[rare].sum())
        hoped = np.append(hoped[~rare], hoped[rare].sum())
        if hoped[-1] < 1.0 and len(hoped) > 1:
            # What training hardly saw is judged as unseen, not here.
            seen, hoped = seen[:-1], hoped[:-1]
            hoped = hoped * (seen.sum() / max(float(hoped.sum()), 1e-300))
    there = seen > 0
    g = float(2.0 * (seen[there] * np.log(seen[there] / hoped[there])).sum()) / max(1.0, inflation)
    return max(0.0, g), chi_square_tail(g, len(hoped) - 1)
