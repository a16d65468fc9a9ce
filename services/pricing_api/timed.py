"""The model server, with the time of each answer measured, and a span of each call where traces are recorded."""

from __future__ import annotations

import time
from dataclasses import dataclass

from wayfare.domain.models.predictor import Predictor, Rows
from wayfare.runtime.metrics import PREDICT_SECONDS
from wayfare.runtime.tracing import calling, exemplar


@dataclass(frozen=True)
class TimedPredictor:
    """`Predictor` around another; calls that fail are measured too, because waiting for nothing costs as much."""

    inner: Predictor

    def predict(self, model: str, version: int, rows: Rows, timeout_s: float) -> Rows:
        """As the inner one."""
        began = time.perf_counter()
        try:
            with calling("PredictionService/Predict"):
                return self.inner.predict(model, version, rows, timeout_s)
        finally:
            PREDICT_SECONDS.labels(model).observe(time.perf_counter() - began, exemplar())

    def states(self, model: str, timeout_s: float) -> dict[int, str]:
        """As the inner one."""
        return self.inner.states(model, timeout_s)
