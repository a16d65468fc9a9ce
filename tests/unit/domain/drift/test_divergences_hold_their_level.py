"""Tail probabilities against scipy and against simulation, with the error of the simulation stated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from wayfare.domain.drift.divergence import chi_square_tail, g_test, kl, kl_tail, psi, two_chi_squares

REPEATS = 20_000
ERROR = 4 * (0.01 * 0.99 / REPEATS) ** 0.5
"""Four standard errors of a share of 1 % in so many repeats: 0.28 %."""


@given(value=st.floats(0, 200), degrees=st.integers(1, 60))
def test_the_chi_square_tail_is_scipys(value, degrees):
    assert chi_square_tail(value, degrees) == pytest.approx(stats.chi2.sf(value, degrees), rel=1e-9, abs=1e-300)


@given(value=st.floats(0.01, 60), first=st.floats(0.05, 20), part=st.floats(0.001, 1))
def test_two_weighted_chi_squares_are_exact(value, first, part):
    """Against the convolution: P(aX + bY > v) = E[P(aX > v - bY)], Y = Z^2."""
    second = first * part

    def given_normal(z):
        return stats.chi2.sf((value - second * z * z) / first, 1) * stats.norm.pdf(z) * 2

    edge = min(12.0, (value / second) ** 0.5)
    whole = integrate.quad(given_normal, 0, edge, limit=400, epsabs=1e-12)[0] + 2 * stats.norm.sf(edge)
    assert two_chi_squares(value, first, second) == pytest.approx(whole, abs=1e-8)


def test_one_term_alone_is_right_to_a_ten_thousandth():
    for value in (0.1, 1.0, 3.84, 6.63, 15.0):
        assert two_chi_squares(value, 1.0, 0.0) == pytest.approx(stats.chi2.sf(value, 1), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "shape", "rows", "most"),
    [
        ("normal", (0.0, 3.0), 300, 0.012),
        ("gamma", (2 / 2**0.5, 3 + 6 / 2), 300, 0.022),
        ("gamma", (2 / 2**0.5, 3 + 6 / 2), 3_000, 0.015),
        ("exponential", (2.0, 9.0), 3_000, 0.016),
    ],
)
def test_the_kl_test_alarms_about_as_often_as_it_says_on_skewed_values(name, shape, rows, most):
    draw = np.random.default_rng(8)
    alarms = plain = 0
    for _ in range(REPEATS // 1_000):
        values = {
            "normal": lambda: draw.normal(size=(1_000, rows)),
            "gamma": lambda: (draw.gamma(2.0, 1.0, (1_000, rows)) - 2) / 2**0.5,
            "exponential": lambda: draw.exponential(1.0, (1_000, rows)) - 1,
        }[name]()
        for mean, variance in zip(values.mean(axis=1), values.var(axis=1), strict=True):
            found = kl(mean, variance, 0.0, 1.0)
            alarms += kl_tail(found, rows, *shape) < 0.01
            plain += kl_tail(found, rows, None, None) < 0.01
    assert alarms / REPEATS < most + ERROR, alarms / REPEATS
    assert alarms / REPEATS > 0.01 - ERROR - 0.002
    if name != "normal":
        assert plain / REPEATS > 0.05, "without the shape the test would be wrong, or this test shows nothing"


def test_a_kl_of_what_did_not_change_is_zero_and_of_a_constant_that_did_infinite():
    assert kl(1.0, 2.0, 1.0, 2.0) == 0.0
    assert kl(1.0, 0.0, 2.0, 0.0) == float("inf")
    assert kl_tail(float("inf"), 10, 0.0, 3.0) == 0.0


def test_the_g_test_holds_its_level_with_rare_categories_and_shared_effects():
    draw = np.random.default_rng(9)
    shares = draw.dirichlet(np.full(25, 0.4))
    found = [g_test(draw.multinomial(500, shares), shares)[1] < 0.05 for _ in range(4_000)]
    assert np.mean(found) == pytest.approx(0.05, abs=0.015)
    # A share that varies from hour to hour: 500 rows of one hour are worth fewer.
    inflated, plain = [], []
    for _ in range(2_000):
        counts = draw.multinomial(500, draw.dirichlet(np.full(10, 0.1) * 49))
        told = 1 + 500 / 50
        inflated.append(g_test(counts, np.full(10, 0.1), told)[1] < 0.05)
        plain.append(g_test(counts, np.full(10, 0.1))[1] < 0.05)
    assert np.mean(inflated) == pytest.approx(0.05, abs=0.02)
    assert np.mean(plain) > 0.5


def test_psi_bears_empty_bins_and_has_its_textbook_value():
    assert psi([30, 70], [0.5, 0.5]) == pytest.approx((0.3 - 0.5) * np.log(0.6) + (0.7 - 0.5) * np.log(1.4))
    assert np.isfinite(psi([0, 100], [0.5, 0.5]))
    assert np.isnan(psi([0, 0], [0.5, 0.5]))
