"""A batch followed to its price through what was seen of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.hops import HOPS, Asked, Look, Sent, follow

LOOKS = [Look(0.15, 6, 5), Look(0.3, 7, 5), Look(0.5, 8, 6), Look(0.8, 9, 8)]
QUOTES = [Asked(0.2, 0.25, 6), Asked(0.85, 0.9, 6), Asked(1.0, 1.1, 8)]


def test_each_hop_ends_at_the_first_look_that_holds_the_batch():
    assert follow(Sent(0.0, 0.1, 7), LOOKS, QUOTES) == pytest.approx((0.1, 0.2, 0.5, 0.2, 0.1))


def test_what_a_price_knows_was_known_before_it_was_asked_for():
    # The looks are late, and the 202 as well: its price was under way before.
    late = [Look(5.0, 9, 9)]
    assert follow(Sent(0.0, 2.0, 7), late, QUOTES) == pytest.approx((1.0, 0.0, 0.0, 0.0, 0.1))


def test_a_price_that_was_not_seen_is_no_price():
    assert follow(Sent(0.0, 0.1, 9), LOOKS, QUOTES) is None
    assert follow(Sent(2.0, 2.1, 7), LOOKS, QUOTES) is None


@given(st.floats(0, 1), st.floats(0, 1), st.integers(5, 8))
def test_hops_are_never_negative_and_add_up(at, took, received_ms):
    found = follow(Sent(at, at + took, received_ms), LOOKS, QUOTES)
    if found is not None:
        assert len(found) == len(HOPS)
        assert min(found) >= 0
        price = next(q for q in QUOTES if q.at >= at and q.until_ms >= received_ms)
        assert sum(found) == pytest.approx(price.answered - at, abs=1e-5)
