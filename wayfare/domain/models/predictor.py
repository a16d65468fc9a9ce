"""What serving asks of a model server, and which answers count as one."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wayfare.domain.errors import ModelUnavailable
from wayfare.domain.pricing.surge import LEVELS

INPUT = "features"
OUTPUT = "at_least"
SIGNATURE_NAME = "serving_default"
LARGEST_RISE = 1e-6
"""Rounding of a network that is non-increasing by construction; more than this is a wrong answer."""

Rows = NDArray[np.float32]


class Predictor(Protocol):
    """A server of models."""

    def predict(self, model: str, version: int, rows: Rows, timeout_s: float) -> Rows:
        """P(multiplier >= LEVELS[j]) of each row, [n, 7], never increasing along a row.

        rows: [n, features], NaN for missing. ModelUnavailable when the server is down, slower than `timeout_s`, has
        no such version, or answers with anything that `checked_answer` refuses.
        """

    def states(self, model: str, timeout_s: float) -> dict[int, str]:
        """State of each version that the server knows: START, LOADING, AVAILABLE, UNLOADING, END, or `FAILED: why` for
        one that it could not load; empty for an unknown model. ModelUnavailable when the server does not answer."""


def checked_rows(rows: Any) -> Rows:
    """The rows as the wire wants them: [n, features] of float32, n from 1; ValueError for another shape."""
    array: Rows = np.ascontiguousarray(rows, dtype=np.dtype("<f4"))
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"rows are [n, features] with n from 1, got shape {array.shape}")
    return array


def checked_answer(values: NDArray[Any], rows: int) -> Rows:
    """The answer, when it is one: shape [rows, 7], finite, in [0, 1], never increasing; else ModelUnavailable.

    A rise of at most `LARGEST_RISE` is rounding and is levelled.
    """
    if values.shape != (rows, len(LEVELS)) or values.dtype.kind != "f":
        raise ModelUnavailable(
            f"the model must answer {(rows, len(LEVELS))} floats, got {values.dtype} {values.shape}", True
        )
    if not np.isfinite(values).all():
        raise ModelUnavailable(
            f"the model answered numbers that are not finite, got {_row(values, ~np.isfinite(values))}", True
        )
    outside = (values < 0.0) | (values > 1.0)
    if outside.any():
        raise ModelUnavailable(f"the model answered probabilities outside 0 to 1, got {_row(values, outside)}", True)
    rises = np.diff(values, axis=1) > LARGEST_RISE
    if rises.any():
        raise ModelUnavailable(f"the model's at_least must never increase, got {_row(values, rises)}", True)
    level: Rows = np.minimum.accumulate(values, axis=1).astype(np.float32, copy=False)
    return level


def _row(values: NDArray[Any], wrong: NDArray[np.bool_]) -> list[float]:
    """The first row that has something wrong, for the message."""
    return [round(float(value), 6) for value in values[int(np.argmax(wrong.any(axis=1)))]]
