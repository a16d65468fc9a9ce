from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.city import Tariff
from wayfare.domain.errors import InvalidInput
from wayfare.domain.pricing.fare import base_fare_minor, price_minor
from wayfare.domain.pricing.surge import LEVELS

MINOR = st.integers(0, 10_000)
TARIFF = st.builds(Tariff, MINOR, MINOR, MINOR, MINOR)
METRES, SECONDS = st.integers(0, 500_000), st.integers(0, 86_400)


@given(TARIFF, METRES, SECONDS)
def test_a_base_fare_is_the_tariff_rounded_once_to_the_nearest_unit_half_up(tariff, metres, seconds):
    exact = (
        tariff.flag_minor
        + Fraction(tariff.per_km_minor * metres, 1000)
        + Fraction(tariff.per_minute_minor * seconds, 60)
    )
    fare = base_fare_minor(tariff, metres, seconds)
    if fare > tariff.minimum_minor:
        assert -Fraction(1, 2) < fare - exact <= Fraction(1, 2)
    else:
        assert fare == tariff.minimum_minor
        assert exact < fare + Fraction(1, 2)


@given(TARIFF, METRES, SECONDS, METRES, SECONDS)
def test_a_longer_trip_never_costs_less(tariff, metres, seconds, more_metres, more_seconds):
    assert base_fare_minor(tariff, metres, seconds) <= base_fare_minor(
        tariff, metres + more_metres, seconds + more_seconds
    )


@given(st.integers(0, 10**9), st.sampled_from(LEVELS))
def test_a_price_is_base_times_multiplier_half_up_to_the_cent(base, multiplier):
    exact = Fraction(base) * Fraction(multiplier)
    price = price_minor(base, multiplier)
    assert -Fraction(1, 2) < price - exact <= Fraction(1, 2)
    assert price == int((Decimal(base) * Decimal(str(multiplier))).quantize(Decimal(1), ROUND_HALF_UP))


@given(st.integers(0, 10**9))
def test_no_surge_changes_nothing_and_more_surge_never_costs_less(base):
    prices = [price_minor(base, level) for level in LEVELS]
    assert prices[0] == base
    assert prices == sorted(prices)


@pytest.mark.parametrize(
    ("base", "multiplier", "price"), [(1480, 1.5, 2220), (1, 1.5, 2), (2, 1.25, 3), (6, 1.25, 8), (10, 1.1, 11)]
)
def test_halves_go_up(base, multiplier, price):
    assert price_minor(base, multiplier) == price


@pytest.mark.parametrize(("metres", "seconds"), [(-1, 0), (0, -1)])
def test_a_negative_trip_has_no_fare(metres, seconds):
    with pytest.raises(InvalidInput, match="-1"):
        base_fare_minor(Tariff(1, 1, 1, 1), metres, seconds)
