"""A batch of pings is the list of them, whichever way it is cut and joined."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.city import Place
from wayfare.domain.streams.events import PING_STATUSES, DriverPing
from wayfare.domain.streams.ping_batch import PingBatch, joined

places = st.builds(Place, st.floats(-90, 90), st.floats(-180, 180))
pings = st.lists(
    st.builds(
        DriverPing, st.text(min_size=1), st.integers(0, 2**62), st.floats(-90, 90), st.floats(-180, 180),
        st.sampled_from(PING_STATUSES), st.none() | places,
    )
)  # fmt: skip


def batch(rows):
    drops = [row.dropoff or (np.nan, np.nan) for row in rows]
    return PingBatch(
        [row.driver_id for row in rows], np.array([row.t_ms for row in rows], np.int64),
        np.array([row.lat for row in rows], np.float64), np.array([row.lon for row in rows], np.float64),
        np.array([PING_STATUSES.index(row.status) for row in rows], np.int8),
        np.array([drop[0] for drop in drops], np.float64), np.array([drop[1] for drop in drops], np.float64),
    )  # fmt: skip


@given(pings, st.slices(20))
def test_a_batch_gives_its_pings_and_slices_like_a_list(rows, part):
    assert list(batch(rows)) == rows
    assert list(batch(rows)[part]) == rows[part]


@given(pings.filter(bool), st.data())
def test_rows_are_taken_in_the_order_given(rows, data):
    order = data.draw(st.lists(st.integers(0, len(rows) - 1)))
    assert list(batch(rows).take(order)) == [rows[row] for row in order]


@given(st.lists(pings, min_size=1))
def test_joined_batches_are_one_after_the_other(parts):
    assert list(joined([batch(rows) for rows in parts])) == [row for rows in parts for row in rows]
