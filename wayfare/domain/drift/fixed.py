"""Sums of values and squares that no order, cut or merge can change.

A value is told in its column's units (`(x - centre) / scale`), rounded to 2^-30 and kept as an integer, so that sums are exact:
mean and variance from them are the same to the last bit however the log was shared out. Rounding moves a mean by at most
2^-31 of a unit and E[z^2] by about 2^-30 |z|. Values beyond 2^20 units count as 2^20: by then nobody asks how far.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ONE = 1 << 30
MOST = 1 << 50
MOST_ROWS = 4096
"""Rows that may be summed at once without leaving 64 bits."""
_HALF_BITS = 25
_LOW = (1 << _HALF_BITS) - 1

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


def quantise(values: Float, centre: Float, scale: Float) -> tuple[Int, npt.NDArray[np.bool_]]:
    """Integers of `values` [columns, rows] in units of 2^-30, from -MOST to MOST, and which are missing (NaN; 0 then)."""
    units = np.subtract(values, centre[:, None], order="C")
    units *= (ONE / scale)[:, None]
    np.rint(units, out=units)
    np.clip(units, -MOST, MOST, out=units)
    missing = np.isnan(units)
    if missing.any():
        units[missing] = 0.0
    return units.astype(np.int64), missing


def sums(quantised: Int) -> tuple[list[int], list[int]]:
    """Exact sum and sum of squares of each column [columns, rows] of at most MOST_ROWS rows, the squares in units of 2^-60."""
    if quantised.shape[1] > MOST_ROWS:
        raise ValueError(f"at most {MOST_ROWS} rows are summed at once, got {quantised.shape[1]}")
    high, low = quantised >> _HALF_BITS, quantised & _LOW
    # Each product is below 2^50 in size and its sum below 2^62: no sum leaves 64 bits.
    parts = zip(
        *(np.einsum("ij,ij->i", left, right).tolist() for left, right in ((high, high), (high, low), (low, low))),
        strict=True,
    )
    squares = [(hh << (2 * _HALF_BITS)) + (hl << (_HALF_BITS + 1)) + ll for hh, hl, ll in parts]
    return quantised.sum(axis=1).tolist(), squares


def mean_of(first: int, rows: int) -> float:
    """The mean in units. rows: at least 1."""
    return first / (rows * ONE)


def mean_square_about(first: int, second: int, rows: int, about: float) -> float:
    """The mean of (z - about)^2, computed in integers up to one division."""
    point = round(about * ONE)
    return (second - 2 * point * first + rows * point * point) / (rows * ONE * ONE)
