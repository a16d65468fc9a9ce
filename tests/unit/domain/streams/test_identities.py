"""Whose rows are, told once for each who has some: the same as a list with one for each row."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.streams.columns import Identities

ROWS = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=30)


def told_once(rows, *others):
    distinct = [*others, *dict.fromkeys(rows)]
    return Identities(distinct, np.array([distinct.index(row) for row in rows], np.int64))


@given(ROWS, st.data())
def test_rows_parts_and_choices_are_those_of_the_list(rows, data):
    start, stop = sorted((data.draw(st.integers(0, len(rows))), data.draw(st.integers(0, len(rows)))))
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10)) if rows else []
    for ids in (Identities.of(rows), told_once(rows), told_once(rows, "nobody", "neither")):
        assert (len(ids), list(ids)) == (len(rows), rows)
        assert list(ids[start:stop]) == rows[start:stop]
        taken = ids.take(np.array(chosen, np.int64))
        assert list(taken) == [rows[i] for i in chosen]
        assert set(taken.distinct) == set(taken)
        assert set(ids[start:stop].occurring()) == set(rows[start:stop])
