import json

import numpy as np
import pytest

from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.geo.cells import cell_of_point
from wayfare.domain.models.priors import MIN_ROWS, Priors, from_json, learn

HERE, THERE = cell_of_point(37.77, -122.42), cell_of_point(37.62, -122.38)


def test_a_prior_is_the_median_level_of_the_cell_and_hour() -> None:
    multipliers = [1.0] * 7 + [1.5] * 8 + [2.5] * 5
    priors = learn([HERE] * 20, [18] * 20, multipliers)
    assert priors.multiplier(HERE, 18) == (1.5, "prior:cell")


def test_a_cell_with_too_few_rows_answers_as_its_parent_and_an_unknown_one_as_the_city() -> None:
    sibling = HERE ^ 1
    cells = [HERE] * (MIN_ROWS - 1) + [sibling] * MIN_ROWS + [THERE] * 100
    priors = learn(cells, [9] * len(cells), [2.0] * (2 * MIN_ROWS - 1) + [1.0] * 100)
    assert priors.multiplier(HERE, 9) == (2.0, "prior:cell")
    assert f"{HERE:x}" not in priors.cells
    nowhere = cell_of_point(37.90, -122.60)
    assert priors.multiplier(nowhere, 9) == (1.0, "prior:city")
    assert priors.multiplier(HERE, 3) == (1.0, "prior:city")


def test_the_same_share_gives_the_upper_level_as_the_decoder_does() -> None:
    assert learn([HERE] * 20, [1] * 20, [1.0] * 10 + [1.25] * 10).multiplier(HERE, 1)[0] == 1.25


def test_without_rows_the_prior_is_no_surge() -> None:
    assert learn([], [], []).multiplier(HERE, 12) == (1.0, "prior:city")


def test_priors_survive_their_file() -> None:
    rng = np.random.default_rng(5)
    priors = learn(rng.choice([HERE, THERE], 500), rng.integers(0, 24, 500), rng.choice([1.0, 1.25, 2.5], 500))
    assert from_json(json.dumps(priors.to_json()).encode()) == priors


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b'{"schema": 2}',
        json.dumps(Priors({}, {3: 1.1}, 1.0).to_json()).encode(),
        b'{"schema": 1, "cells": 3}',
    ],
)
def test_a_file_that_is_not_priors_is_refused(data: bytes) -> None:
    with pytest.raises(ArtifactRefused):
        from_json(data)
