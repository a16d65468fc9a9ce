from hypothesis import given
from hypothesis import strategies as st

from wayfare.domain.pricing.outbox import OpenBuckets
from wayfare.domain.times import MINUTE_MS

WRITABLE, KEEP, AGAIN = 5 * MINUTE_MS, 60 * MINUTE_MS, 10_000
START = 1_000 * MINUTE_MS


@given(st.lists(st.integers(100, 5 * MINUTE_MS), min_size=1, max_size=60))
def test_every_bucket_is_looked_at_after_the_last_moment_that_it_could_be_written(pauses):
    buckets = OpenBuckets(START, WRITABLE, KEEP, AGAIN)
    now, last = START, {}
    for pause in pauses:
        for bucket in buckets.due(now, most_old=1000):
            last[bucket] = now
            buckets.looked(bucket, now, 0)
        now += pause
    for bucket in range(START - KEEP, now - 2 * WRITABLE - AGAIN - 5 * MINUTE_MS - MINUTE_MS, MINUTE_MS):
        assert last[bucket] > min(bucket + MINUTE_MS, START)
        if bucket > START:
            assert last[bucket] >= bucket + MINUTE_MS


def test_a_bucket_with_something_left_is_looked_at_again_however_old_it_is():
    buckets = OpenBuckets(START, WRITABLE, KEEP, AGAIN)
    old = START - 50 * MINUTE_MS
    assert old in buckets.due(START, most_old=1000)
    buckets.looked(old, START, 1)
    assert old not in buckets.due(START + AGAIN - 1, most_old=0)
    assert old in buckets.due(START + AGAIN, most_old=0)
    buckets.looked(old, START + AGAIN, 0)
    assert old not in buckets.due(START + 9 * AGAIN, most_old=0)


def test_the_newest_two_are_looked_at_every_time():
    buckets = OpenBuckets(START, WRITABLE, KEEP, AGAIN)
    for now in range(START, START + 2_000, 300):
        due = buckets.due(now, most_old=0)
        assert due[:2] == [START, START - MINUTE_MS]
        for bucket in due:
            buckets.looked(bucket, now, 0)


def test_the_backlog_is_worked_off_newest_first_a_few_at_a_time():
    buckets = OpenBuckets(START, WRITABLE, KEEP, AGAIN)
    before = buckets.backlog
    due = buckets.due(START, most_old=3)
    assert due[-3:] == [START - WRITABLE - MINUTE_MS * n for n in (1, 2, 3)]
    assert buckets.backlog == before - 3
