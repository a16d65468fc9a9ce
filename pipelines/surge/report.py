"""The evaluation report: the network beside "always the most frequent" and a gradient-boosted baseline."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import jinja2
import numpy as np

from wayfare.domain.features.sets import Feature
from wayfare.domain.models import evaluation
from wayfare.domain.models.evaluation import STEPS
from wayfare.domain.pricing.surge import LEVELS
from wayfare.domain.times import HOUR_MS

SUSPICIOUS_AUC = 0.98
"""One feature alone that tells surge from none this well is likely a leak and is named in the report."""


def most_frequent(truth: np.ndarray, rows: int) -> np.ndarray:
    """`at_least` [rows, 7] of a model that always answers with the frequencies of the training part."""
    share = np.bincount(truth, minlength=STEPS) / len(truth)
    return evaluation.at_least_of(np.tile(share, (rows, 1)))


def boosted(values: np.ndarray, truth: np.ndarray, asked: np.ndarray, seed: int) -> np.ndarray:
    """`at_least` [asked, 7] of gradient-boosted trees (scikit-learn) trained on the same rows and features."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.12, max_leaf_nodes=15, random_state=seed)
    # A column without a single value cannot be binned.
    known = ~np.isnan(values).all(axis=0)
    trees.fit(values[:, known], truth)
    classes = np.zeros((len(asked), STEPS))
    classes[:, trees.classes_.astype(int)] = trees.predict_proba(asked[:, known])
    return evaluation.at_least_of(classes)


def single_feature_auc(features: tuple[Feature, ...], values: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """How well each number alone tells rows with surge, 0.5 (not at all) to 1; the quick look for a leak."""
    found = {}
    for column, feature in enumerate(features):
        known = ~np.isnan(values[:, column])
        score = evaluation.auc(truth[known] > 0, values[known, column])
        if feature.kind == "number" and score == score:
            found[feature.name] = round(max(score, 1 - score), 4)
    return dict(sorted(found.items(), key=lambda entry: -entry[1]))


def compare(truth: np.ndarray, asked_ms: np.ndarray, answers: dict[str, np.ndarray]) -> dict[str, Any]:
    """The evaluation of each model on the same test rows, intervals by resampling hours."""
    hours = asked_ms // HOUR_MS
    return {name: evaluation.evaluate(truth, at_least, hours) for name, at_least in answers.items()}


def write(report: dict[str, Any], folder: pathlib.Path) -> None:
    """`report.json`, and the same for people as `report.html`."""
    (folder / "report.json").write_text(json.dumps(report, indent=1, allow_nan=False))
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = pages.get_template("report.html.j2")
    (folder / "report.html").write_text(page.render(report=report, levels=LEVELS, metrics=list(evaluation.METRICS)))
