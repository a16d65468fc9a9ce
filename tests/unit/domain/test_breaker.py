from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.breaker import Breaker


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=200), st.integers(1, 5))
def test_between_failures_in_a_row_at_most_one_call_per_rest_is_let_through(steps, limit):
    now = [0.0]
    breaker = Breaker(limit, 2.0, lambda: now[0])
    failed_in_a_row, let_through_at = 0, -2.0
    for pause, works in steps:
        now[0] += pause
        if not breaker.allows():
            assert failed_in_a_row >= limit
            assert now[0] - let_through_at < 2.0
            continue
        if failed_in_a_row >= limit:
            assert now[0] - let_through_at >= 2.0
        let_through_at = now[0]
        if works:
            failed_in_a_row = 0
            breaker.succeeded()
        else:
            failed_in_a_row += 1
            breaker.failed()
        assert breaker.is_open == (failed_in_a_row >= limit)
