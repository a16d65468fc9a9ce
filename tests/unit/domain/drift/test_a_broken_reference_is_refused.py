"""A reference of another form than promised is refused when it is read: nobody judges by it, and nothing ends."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.drift.series import checked_reference, series_of
from wayfare.domain.errors import InvalidInput
from wayfare.domain.models.reference import drift_reference


def told() -> Any:
    draw = np.random.default_rng(3)
    values = np.column_stack([draw.gamma(2.0, 3_000.0, 2_000), draw.integers(0, 9, 2_000).astype(float)])
    hours, weekdays, dates = draw.integers(0, 24, 2_000), draw.integers(0, 7, 2_000), draw.integers(0, 30, 2_000)
    return json.loads(json.dumps(drift_reference(["distance", "leaf"], [False, True], values, hours, weekdays, dates)))


TOLD = told()


def paths(of: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(of, dict):
        return [at]
    return [at] * bool(at) + [path for key, value in of.items() for path in paths(value, (*at, key))]


def test_the_reference_of_training_is_taken():
    assert len(series_of(checked_reference(json.dumps(TOLD).encode()))) > 5


def test_effects_of_another_form_are_refused_by_name():
    broken = copy.deepcopy(TOLD)
    broken["features"]["distance"]["between"] = [0.01, 0.01]
    with pytest.raises(InvalidInput, match="not a drift reference: TypeError"):
        checked_reference(json.dumps(broken).encode())


@given(path=st.sampled_from(paths(TOLD)), put=st.sampled_from([..., None, "x", [], {}, [1], -1, 1e400, True]))
def test_whatever_is_changed_it_is_taken_or_refused(path, put):
    changed = copy.deepcopy(TOLD)
    within = changed
    for key in path[:-1]:
        within = within[key]
    if put is ...:
        del within[path[-1]]
    else:
        within[path[-1]] = put
    with contextlib.suppress(InvalidInput):
        checked_reference(json.dumps(changed).encode())
