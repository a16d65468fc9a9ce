from hypothesis import given
from hypothesis import strategies as st

from wayfare.runtime.web.rate_limit import RateLimit, retry_after


@given(st.lists(st.floats(0, 2), min_size=1, max_size=200), st.floats(0.5, 50), st.integers(1, 20))
def test_never_more_than_the_burst_and_the_rate_allow(gaps, rate, burst):
    now = 0.0
    limit = RateLimit(rate, burst, clock=lambda: now)
    taken = 0
    for gap in gaps:
        now += gap
        taken += limit.take("r-1") == 0.0
    assert taken <= burst + rate * now + 1e-6


def test_a_refused_caller_is_let_through_after_the_time_it_was_told():
    now = 0.0
    limit = RateLimit(50, 200, clock=lambda: now)
    assert all(limit.take("r-1") == 0.0 for _ in range(200))
    wait = limit.take("r-1")
    assert 0 < wait <= 1 / 50
    assert limit.take("r-2") == 0.0
    now = wait
    assert limit.take("r-1") == 0.0


def test_memory_is_bounded_and_a_forgotten_caller_starts_full():
    limit = RateLimit(0.001, 1, capacity=10, clock=lambda: 0.0)
    for number in range(1000):
        assert limit.take(number) == 0.0
    assert len(limit._buckets) == 10
    assert limit.take(0) == 0.0
    assert limit.take(999) > 0


def test_retry_after_is_whole_seconds_and_at_least_one():
    assert [retry_after(seconds) for seconds in (0, 0.02, 1.2)] == ["1", "1", "2"]
