"""How far a reader is behind; brokers that do not tell keep it from being ready until they do."""

from __future__ import annotations

import pytest

from wayfare.domain.errors import LogUnavailable
from wayfare.runtime import metrics
from wayfare.runtime.lag import AGAIN_SECONDS, EVERY_SECONDS, ConsumerLag
from wayfare.runtime.worker import Problems


class Brokers:
    """Tell their ends, or do not answer; counts how often they were asked."""

    def __init__(self) -> None:
        self.answer, self.asked = True, 0

    def ends(self, _seconds):
        self.asked += 1
        if not self.answer:
            raise LogUnavailable("no broker answers, got nothing")
        return {("measured", 0): 12, ("measured", 1): 7}


@pytest.fixture
def world():
    brokers, lag, problems = Brokers(), ConsumerLag(), Problems(brokers=None)

    def measured_at(seconds):
        lag.measure(seconds, brokers.ends, lambda place: {("measured", 0): 10}.get(place), problems)
        return problems["brokers"]

    return brokers, measured_at


def test_lag_is_what_is_not_yet_kept_of_the_partitions_that_are_ours(world):
    _brokers, measured_at = world
    assert measured_at(0.0) is None
    assert metrics.CONSUMER_LAG.labels("measured", "0")._value.get() == 2
    assert ("measured", "1") not in metrics.CONSUMER_LAG._metrics


def test_brokers_are_asked_seldom(world):
    brokers, measured_at = world
    for tenth in range(round(10 * EVERY_SECONDS)):
        measured_at(tenth / 10)
    assert brokers.asked == 1
    measured_at(EVERY_SECONDS)
    assert brokers.asked == 2


def test_silent_brokers_are_a_problem_that_stands_between_two_questions_and_ends_with_an_answer(world):
    brokers, measured_at = world
    brokers.answer = False
    assert "no broker answers" in measured_at(0.0)
    brokers.answer = True
    assert "no broker answers" in measured_at(AGAIN_SECONDS / 2)
    assert measured_at(AGAIN_SECONDS) is None
