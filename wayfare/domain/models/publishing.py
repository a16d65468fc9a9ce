"""Rules of publishing: which placed versions stay, and when a model server's answers are the golden ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.models.predictor import Rows
from wayfare.domain.models.signed import parse_object
from wayfare.domain.pricing.surge import LEVELS

ANSWER_TOLERANCE = 1e-4
"""Largest absolute difference of a probability between the trainer's and the model server's network. Both compute in
single precision on their own processor; 1e-4 is a hundredth of what could move a quote by one level in a thousand."""

_MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class GoldenAnswers:
    """The second step of golden.json: features [n, f] (NaN for missing) and the answers [n, 7] they must give."""

    features: Rows
    at_least: Rows


def golden_answers(data: bytes) -> GoldenAnswers:
    """Features and answers of a golden.json; ArtifactRefused when it has no row or rows of different lengths."""
    rows = parse_object(b'{"rows":' + data + b"}", "golden.json", "golden").get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= _MOST_ROWS:
        raise ArtifactRefused(f"golden.json is a list of 1 to {_MOST_ROWS} rows, got {str(rows)[:60]}", "golden")
    try:
        features = np.array([[np.nan if v is None else v for v in row["features"]] for row in rows], np.float32)
        at_least = np.array([row["at_least"] for row in rows], np.float32)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactRefused(f"a row of golden.json has numbers features and at_least: {error!r}", "golden") from error
    if features.ndim != 2 or at_least.shape != (len(rows), len(LEVELS)) or not np.isfinite(at_least).all():
        shapes = f"{features.shape} and {at_least.shape}"
        raise ArtifactRefused(
            f"golden.json has n rows of features and of {len(LEVELS)} answers, got {shapes}", "golden"
        )
    return GoldenAnswers(features, at_least)


def check_answers(golden: GoldenAnswers, answered: Rows, tolerance: float = ANSWER_TOLERANCE) -> None:
    """ArtifactRefused unless every answer is within `tolerance` of the golden one."""
    distance = np.abs(answered - golden.at_least)
    worst = float(distance.max())
    if not worst <= tolerance:
        row, level = np.unravel_index(int(distance.argmax()), distance.shape)
        raise ArtifactRefused(
            f"golden row {row}, level {LEVELS[int(level)]}: {float(golden.at_least[row, level]):.6f} was recorded, "
            f"got {float(answered[row, level]):.6f}",
            "golden",
        )


def retire(
    placed: Iterable[int], needed: Iterable[int], retired_at_ms: Mapping[int, int], now_ms: int, keep_ms: int
) -> tuple[dict[int, int], list[int]]:
    """When each placed version ceased to be needed, and those that have been unneeded for `keep_ms`.

    A version is needed while a label points to it or a release asks for it. One that is found unneeded for the first
    time starts its time now, so a clock or a file that was lost only ever keeps a version longer.

    >>> retire([1, 2, 3], [3], {1: 0}, now_ms=600_000, keep_ms=600_000)
    ({1: 0, 2: 600000}, [1])
    """
    wanted = set(needed)
    since = {version: min(retired_at_ms.get(version, now_ms), now_ms) for version in placed if version not in wanted}
    return since, sorted(version for version, moment in since.items() if now_ms - moment >= keep_ms)
