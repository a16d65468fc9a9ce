from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.pricing.ladder import LastMultiplier, from_model, shown, step, without_model
from wayfare.domain.pricing.surge import LEVELS, decode

FALLING = st.lists(st.floats(0, 1), min_size=6, max_size=6).map(lambda v: (1.0, *sorted(v, reverse=True)))
LEVEL = st.sampled_from(LEVELS)
NOW = 1_000_000_000


class Priors:
    def __init__(self, multiplier, source):
        self.answer = multiplier, source

    def multiplier(self, cell, hour):
        return self.answer


@given(FALLING)
def test_what_is_shown_never_increases_and_means_the_same(at_least):
    values = list(shown(at_least).values())
    assert values == sorted(values, reverse=True)
    assert list(shown(at_least)) == ["1.25", "1.5", "1.75", "2.0", "2.25", "2.5"]


@given(LEVEL)
def test_a_step_means_its_own_level(level):
    assert decode(step(level)) == level


@given(FALLING, st.floats(1.0, 2.5))
def test_no_multiplier_exceeds_the_cap_or_the_model(at_least, cap):
    surge = from_model(at_least, cap)
    assert surge.multiplier in LEVELS
    assert surge.multiplier <= min(cap, surge.uncapped)
    assert surge.uncapped == decode(at_least)


@given(
    st.none() | st.just("model: down"),
    st.none() | st.builds(LastMultiplier, LEVEL, st.integers(NOW - 120_000, NOW)),
    LEVEL,
    st.sampled_from(["prior:cell", "prior:city"]),
    st.floats(1.0, 2.5),
)
def test_every_step_below_the_model_is_told_and_by_design_is_not(problem, last, prior, source, cap):
    surge = without_model(problem, last, NOW, Priors(prior, source), 1, 8, cap)
    fresh = problem is not None and last is not None and NOW - last.at_ms <= 60_000
    assert surge.price_source == ("last_multiplier" if fresh else source)
    assert surge.uncapped == (last.multiplier if fresh else prior)
    assert surge.multiplier <= cap
    assert len(surge.degraded) == (0 if problem is None else 1)
    assert all(text.startswith("model: down, ") for text in surge.degraded)
