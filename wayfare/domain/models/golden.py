"""Golden rows of a model: raw requests with everything known at the time, the features they give, and the answers.

A front end must reproduce the features from request and context, a model server the answers from the features; so no
code, tree or network can be served with another's.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.city import City, Place
from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.features.inputs import RiderHistory, SurgeInputs, Travel, Tree, Weather
from wayfare.domain.streams.window import ArchivedWindow

TOLERANCE = 1e-5
"""Relative: sums of single precision on two kinds of processor differ in their last bits."""

Counts = Mapping[str, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]
"""Cells and their counts, by gauge."""


def to_row(
    inputs: SurgeInputs, window: Counts | None, features: Sequence[float], at_least: Sequence[float]
) -> dict[str, Any]:
    """One golden row as JSON values. window: counts by gauge of the pane that the trip saw."""
    rider = inputs.rider
    return {
        "request": {"pickup": inputs.pickup._asdict(), "dropoff": inputs.dropoff._asdict()},
        "context": {
            "local_hour": inputs.local_hour,
            "local_weekday": inputs.local_weekday,
            "window": None
            if window is None
            else {
                gauge: {"cells": cells.tolist(), "counts": counts.tolist()} for gauge, (cells, counts) in window.items()
            },
            "rider": None
            if rider is None
            else {
                "bookings": rider.bookings,
                "days_seen": rider.days_seen,
                "by_multiplier": {str(level): count for level, count in rider.by_multiplier.items()},
                "by_pair": dict(rider.by_pair),
            },
            "weather": None if inputs.weather is None else asdict(inputs.weather),
            "place_kind": inputs.place_kind,
        },
        "features": [None if math.isnan(value) else value for value in features],
        "at_least": [float(value) for value in at_least],
    }


def inputs_of(row: Mapping[str, Any], travel: Travel, tree: Tree, city: City) -> SurgeInputs:
    """The inputs that a golden row describes."""
    request, context = row["request"], row["context"]
    window, rider, weather = context["window"], context["rider"], context["weather"]
    return SurgeInputs(
        pickup=Place(**request["pickup"]),
        dropoff=Place(**request["dropoff"]),
        local_hour=context["local_hour"],
        local_weekday=context["local_weekday"],
        travel=travel,
        tree=tree,
        window=None if window is None else _window(window, city),
        rider=None
        if rider is None
        else RiderHistory(
            rider["bookings"],
            rider["days_seen"],
            {float(level): count for level, count in rider["by_multiplier"].items()},
            rider["by_pair"],
        ),
        weather=None if weather is None else Weather(**weather),
        place_kind=context["place_kind"],
    )


def _window(counts: Mapping[str, Any], city: City) -> ArchivedWindow:
    return ArchivedWindow.from_counts(
        {
            gauge: (np.asarray(held["cells"], np.int64), np.asarray(held["counts"], np.int64))
            for gauge, held in counts.items()
        },
        city,
    )


def features_of(row: Mapping[str, Any]) -> list[float]:
    """The recorded features of a golden row; NaN where missing."""
    return [math.nan if value is None else float(value) for value in row["features"]]


def first_difference(names: Iterable[str], expected: Sequence[float], found: Sequence[float]) -> str | None:
    """The first feature in which two vectors differ by more than TOLERANCE, as a sentence; None when none does."""
    for name, want, got in zip(names, expected, found, strict=True):
        if not (math.isnan(want) and math.isnan(got)) and not math.isclose(want, got, rel_tol=TOLERANCE):
            return f"{name} must be {want}, got {got}"
    return None


def read_rows(data: bytes) -> list[dict[str, Any]]:
    """The rows of a `golden.json`; ArtifactRefused when it holds none."""
    try:
        rows = json.loads(data)
    except ValueError as error:
        raise ArtifactRefused(f"golden.json is not JSON: {error}, got {data[:80]!r}", "golden") from error
    if not isinstance(rows, list) or not rows:
        raise ArtifactRefused(f"golden.json is a list of at least one row, got {str(rows)[:80]}", "golden")
    return rows
