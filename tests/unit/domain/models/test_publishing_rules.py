"""Which versions stay, and which answers count as golden."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.models.publishing import check_answers, golden_answers, retire

VERSIONS = st.sets(st.integers(1, 9))
KEEP = 600_000


def golden(rows) -> bytes:
    return json.dumps(rows).encode()


ROW = {"features": [1.0, None], "at_least": [1.0, 0.9, 0.5, 0.4, 0.3, 0.2, 0.1]}


def test_missing_features_become_nan():
    read = golden_answers(golden([ROW, ROW]))
    assert read.features.shape == (2, 2)
    assert np.isnan(read.features[:, 1]).all()
    assert read.at_least.shape == (2, 7)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        {},
        None,
        [{}],
        [ROW | {"features": ["x"]}],
        [ROW, ROW | {"features": [1.0]}],
        [ROW | {"at_least": [1.0]}],
        [ROW | {"at_least": [None] * 7}],
        [3],
    ],
)
def test_golden_rows_that_prove_nothing_are_refused(rows):
    with pytest.raises(ArtifactRefused) as caught:
        golden_answers(golden(rows))
    assert caught.value.reason == "golden"


def test_text_that_closes_the_list_early_is_refused():
    with pytest.raises(ArtifactRefused):
        golden_answers(b'[],"rows":[]')


def test_answers_within_the_tolerance_pass_and_the_first_beyond_is_named():
    read = golden_answers(golden([ROW, ROW]))
    check_answers(read, read.at_least + np.float32(9e-5))
    wrong = read.at_least.copy()
    wrong[1, 2] += 2e-3
    with pytest.raises(ArtifactRefused, match=r"row 1, level 1\.5: 0\.500000 was recorded, got 0\.502000"):
        check_answers(read, wrong)
    wrong[1, 2] = np.nan
    with pytest.raises(ArtifactRefused):
        check_answers(read, wrong)


@given(VERSIONS, VERSIONS, st.dictionaries(st.integers(1, 9), st.integers(0, 2_000_000)), st.integers(0, 2_000_000))
def test_only_what_was_unneeded_for_the_whole_time_goes(placed, needed, since, now):
    after, gone = retire(placed, needed, since, now, KEEP)
    assert not set(gone) & needed
    assert set(gone) <= placed
    assert after.keys() == placed - needed
    for version in gone:
        assert now - since[version] >= KEEP


def test_a_version_that_is_needed_again_starts_its_time_anew():
    since, _ = retire([1], [], {}, 0, KEEP)
    since, _ = retire([1], [1], since, 500_000, KEEP)
    since, gone = retire([1], [], since, 700_000, KEEP)
    assert (since, gone) == ({1: 700_000}, [])
