"""The historical rule answers to imbalance, weather and what nobody else sees, in seven levels."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.market.pricing_rule import Conditions, HistoricalRule
from wayfare.domain.pricing.surge import LEVELS

RULE = HistoricalRule(7, first_ms=1_772_800_000_000, hours=48)
CALM = Conditions(1, 10, 40, 10, 0.0, 0.0, 12.0, 2, "home", 1_772_800_000_000, 0.0)

CONDITIONS = st.builds(
    Conditions,
    waiting=st.integers(1, 60).map(float),
    recent=st.floats(0, 100),
    available=st.integers(0, 150).map(float),
    dropping=st.integers(0, 60).map(float),
    wet=st.floats(0, 1),
    event=st.floats(0, 1),
    hour=st.floats(0, 23.99),
    weekday=st.integers(0, 6),
    kind=st.sampled_from(["home", "office", "pub", "airport", "other"]),
    t_ms=st.integers(1_772_800_000_000, 1_772_900_000_000),
    z=st.floats(-4, 4),
)


@given(CONDITIONS)
def test_every_multiplier_is_one_of_the_levels(seen: Conditions) -> None:
    assert RULE.multiplier(seen) in LEVELS


@given(CONDITIONS, st.integers(1, 20))
def test_more_waiting_or_fewer_cabs_never_lower_the_price(seen: Conditions, more: int) -> None:
    dearer = [
        dataclasses.replace(seen, waiting=seen.waiting + more),
        dataclasses.replace(seen, recent=seen.recent + more),
        dataclasses.replace(seen, available=max(0.0, seen.available - more)),
        dataclasses.replace(seen, event=1.0),
        dataclasses.replace(seen, wet=1.0),
    ]
    assert all(RULE.multiplier(other) >= RULE.multiplier(seen) for other in dearer)


def test_a_calm_market_has_no_surge_and_a_dry_one_has_the_most() -> None:
    assert RULE.multiplier(CALM) == 1.0
    assert RULE.multiplier(dataclasses.replace(CALM, waiting=40.0, recent=60.0, available=0.0, dropping=0.0)) == 2.5


def test_no_cab_at_all_is_not_taken_for_calm() -> None:
    assert RULE.score(dataclasses.replace(CALM, available=0.0, dropping=0.0)) > RULE.score(CALM)
