"""A model server in memory: functions by model and version, and the ways in which a server can fail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wayfare.domain.errors import ModelUnavailable
from wayfare.domain.models.predictor import Rows, checked_answer, checked_rows

Network = Callable[[Rows], NDArray[Any]]


class MemoryPredictor:
    """`networks[model, version]` answers; `fault` (a sentence) makes every call fail with it.

    takes_s: how long an answer takes; a call with less time fails without waiting.
    """

    def __init__(self, networks: dict[tuple[str, int], Network] | None = None) -> None:
        self.networks = networks or {}
        self.fault: str | None = None
        self.takes_s = 0.0

    def predict(self, model: str, version: int, rows: Rows, timeout_s: float) -> Rows:
        """P(multiplier >= LEVELS[j]) of each row, [n, 7]; ModelUnavailable for anything else."""
        array = checked_rows(rows)
        self._answering(timeout_s)
        if (model, version) not in self.networks:
            raise ModelUnavailable(f"no such model and version is served, got {model} {version}")
        try:
            values = np.asarray(self.networks[model, version](array))
        except Exception as error:
            raise ModelUnavailable(f"the model failed on rows of shape {array.shape}: {error}", True) from error
        return checked_answer(values, len(array))

    def states(self, model: str, timeout_s: float) -> dict[int, str]:
        """AVAILABLE for each version there is."""
        self._answering(timeout_s)
        return {version: "AVAILABLE" for name, version in self.networks if name == model}

    def _answering(self, timeout_s: float) -> None:
        if self.fault is not None:
            raise ModelUnavailable(self.fault)
        if timeout_s <= self.takes_s:
            raise ModelUnavailable(f"the model server takes {self.takes_s} s, got a limit of {timeout_s} s")
