"""At most one false alarm a week over all checks, on days that are not alike; and drift is found, dated, and not forgotten."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from tests.unit.domain.drift.city_days import City, live, part_at, registers, train
from wayfare.domain.drift.columns import outcome_columns, read_reference
from wayfare.domain.drift.figures import figures
from wayfare.domain.drift.judgement import judgement_of
from wayfare.domain.drift.monitor import Monitor
from wayfare.domain.drift.register import Key, Register
from wayfare.domain.drift.sequential import LOOKS_A_WEEK, Bank, threshold
from wayfare.domain.models.reference import drift_reference

WEEKS = 4


@pytest.mark.parametrize("skewed", [False, True], ids=["normal", "exponential"])
def test_the_bank_keeps_its_budget_when_hours_and_days_share_effects(skewed):
    """Six weeks of 60 series, of 5 to 50 rows a look: by the bound at most 6 alarms are expected; 12 has p < 0.02."""
    draw, series, weeks = np.random.default_rng(11), 60, 6
    bank, alarms = Bank(series), 0
    effects = np.sqrt(np.repeat([0.0, 0.01, 0.04], series // 3))
    hour, day = effects * draw.normal(size=series), effects * draw.normal(size=series)
    f_hour, f_day = np.exp(-5 / 60), np.exp(-5 / 1440)
    for look in range(weeks * LOOKS_A_WEEK):
        hour = f_hour * hour + np.sqrt(1 - f_hour**2) * effects * draw.normal(size=series)
        day = f_day * day + np.sqrt(1 - f_day**2) * effects * draw.normal(size=series)
        n = float(round(27.5 + 22.5 * np.sin(look * 2 * np.pi / 288)))
        noise = draw.gamma(n, 1.0, series) / n - 1.0 if skewed else draw.normal(size=series) / n**0.5
        ones, zeros = np.ones(series), np.zeros(series)
        found, _sides, _onsets = bank.take(
            look,
            ones * n,
            hour + day + noise,
            zeros,
            ones,
            ones * (2.0 if skewed else 0.0),
            np.stack([effects**2, effects**2, zeros, zeros]),
        )
        alarms += len(found)
    assert alarms <= 12, alarms


@pytest.fixture(scope="module")
def city():
    trained = City(3)
    return trained, train(trained, 56)


def test_weeks_of_a_city_whose_hours_and_days_differ_keep_the_budget(city):
    """Four weeks over all checks: at most 4 are expected by the bound; more than 9 has p < 0.01."""
    trained, reference = city
    monitor = Monitor(reference, part_at)
    found = list(live(monitor, trained, 56 * 288, (56 + 7 * WEEKS) * 288))
    assert len(found) <= 9, found
    assert {check for check, state in monitor.states().items() if state.state == "unknown"} == set()


def test_days_that_are_far_apart_are_not_told_as_spread():
    """Days 0.7 sd apart move every row of a day: as spread about training's mean they would be drift each week.

    Four weeks over all checks, of which the waits' spread is one series: an alarm of it is a chance of 1 in 20 at most.
    """
    trained = City(17, day_effect=0.7)
    monitor = Monitor(train(trained, 28), part_at)
    found = [alarm for _b, alarm in live(monitor, trained, 28 * 288, 56 * 288) if alarm.what == "variance"]
    assert not found, found


class _Arena(City):
    """On every second night a crowd comes out of one place from 22:00 to 23:00."""

    def rows(self, bucket, shift=0.0):
        values, *rest = super().rows(bucket, shift)
        night = int(np.random.default_rng(bucket // 288).random() < 0.5)
        crowd = self.draw.random(len(values)) < 0.4 * night * (bucket // 12 % 24 == 22)
        values[crowd, 4] = 0.0
        return values, *rest


def test_a_crowd_that_comes_on_some_nights_is_not_drift_and_on_every_night_at_noon_it_is():
    """Four weeks of the place's share: without effects of its own its hour is told almost every night that the crowd comes."""
    trained = _Arena(23)
    monitor, begin = Monitor(train(trained, 56), part_at), 56 * 288
    found = [alarm for _b, alarm in live(monitor, trained, begin, begin + 28 * 288)]
    assert len([alarm for alarm in found if alarm.check == "categories"]) <= 1, found

    for bucket in range(begin + 28 * 288, begin + 28 * 288 + 14 * 12):
        values, *rest = trained.rows(bucket)
        if bucket // 12 % 24 == 12:
            values[trained.draw.random(len(values)) < 0.4, 4] = 0.0
        monitor.take(bucket, *registers(monitor.reference, bucket, (values, *rest)))
    assert monitor.states()["categories"].state == "drifted"


class _Waves(City):
    """Cabs come and go within a quarter of an hour, and everybody who asks then sees them."""

    _wave = 0.0

    def rows(self, bucket, shift=0.0):
        values, *rest = super().rows(bucket, shift)
        self._wave = 0.7 * self._wave + 0.71 * float(self.draw.normal())
        values[:, 1] += 80 * self._wave
        return values, *rest


def test_what_comes_and_goes_within_a_quarter_of_an_hour_is_not_drift():
    """Two weeks of the waits: as an effect of whole hours every wave would be told."""
    trained = _Waves(29)
    monitor, begin = Monitor(train(trained, 28), part_at), 28 * 288
    found = [alarm for _b, alarm in live(monitor, trained, begin, begin + 14 * 288) if alarm.feature == "wait"]
    assert len(found) <= 1, found


def test_a_wider_spread_about_the_same_mean_is_found(city):
    trained, reference = city
    monitor, begin = Monitor(reference, part_at), 70 * 288

    def wider(bucket):
        values, *rest = trained.rows(bucket)
        values[:, 1] += 100 * trained.draw.normal(size=len(values))
        return values, *rest

    for bucket in range(begin, begin + 12 * 12):
        monitor.take(bucket, *registers(reference, bucket, wider(bucket)))
    found = {(alarm.feature, alarm.what, alarm.direction) for alarm in monitor.alarms.values()}
    assert ("wait", "variance", 1) in found, found
    assert ("wait", "mean", 1) not in found, found


def test_a_reference_of_two_days_does_not_take_the_third_for_drift():
    trained = City(5)
    monitor = Monitor(train(trained, 2), part_at)
    assert len(list(live(monitor, trained, 2 * 288, 9 * 288))) <= 4


@pytest.mark.parametrize(("shift", "hours"), [(0.5, 120.0), (1.0, 12.0), (3.0, 0.5)])
def test_a_shift_of_one_feature_is_found_named_and_dated(city, shift, hours):
    trained, reference = city
    monitor, begin = Monitor(reference, part_at), 70 * 288
    assert not [alarm for _b, alarm in live(monitor, trained, begin - 288, begin) if alarm.feature == "wait"]
    told = live(monitor, trained, begin, begin + round(hours * 12), shift)
    found = [(b, a, monitor.states()["moments"].state) for b, a in told if a.feature == "wait"]
    assert found, monitor.evidence()
    bucket, alarm, state = found[0]
    assert (alarm.check, alarm.direction) == ("moments", 1)
    assert begin - 12 <= alarm.since <= bucket
    assert state == "drifted"
    told = {one.name: one for one in figures(monitor, 12)}
    assert told["wait"].mean > told["wait"].mean_expected
    if shift >= 1.0:
        assert told["wait"].kl > told["distance"].kl
        assert told["wait"].kl_p < 0.01
    by_hour = {one.name: one for one in figures(monitor, 288)}["wait"].hourly_shift_sd
    assert len(by_hour) == 24
    assert by_hour[-1] > 0


def test_kilometres_for_metres_missing_values_and_strange_places_are_found_within_the_hour(city):
    trained, reference = city
    begin = 70 * 288 + 8 * 12

    def spoiled(bucket, how):
        values, *rest = trained.rows(bucket)
        if how == "moments":
            values[:, 0] /= 1000
        elif how == "missing":
            values[:, 1] = np.nan
        elif how == "unseen":
            values[:, 4] += 1_000
        return values, *rest

    for how in ("moments", "missing", "unseen"):
        monitor = Monitor(reference, part_at)
        for bucket in range(begin - 24, begin):
            monitor.take(bucket, *registers(reference, bucket, trained.rows(bucket)))
        for bucket in range(begin, begin + 12):
            monitor.take(bucket, *registers(reference, bucket, spoiled(bucket, how)))
        assert monitor.states()[how].state == "drifted", how


@pytest.mark.parametrize(("at", "check"), [(None, "booking_rate"), (1.25, "calibration")])
def test_riders_who_refuse_more_prices_or_one_multiplier_are_found(city, at, check):
    trained, reference = city
    monitor, begin = Monitor(reference, part_at), 70 * 288 + 8 * 12
    list(live(monitor, trained, begin - 24, begin))
    assert monitor.states()[check].state == "ok"
    for bucket in range(begin, begin + 10 * 12):
        values, at_least, multiplier, booked = trained.rows(bucket)
        refused = trained.draw.random(len(booked)) < (0.3 if at is None else 0.7 * (multiplier == at))
        monitor.take(
            bucket, *registers(reference, bucket, (values, at_least, multiplier, np.where(refused, 0.0, booked)))
        )
    assert monitor.states()[check].state == "drifted"


def test_drift_stands_for_a_day_and_then_is_over(city):
    trained, reference = city
    monitor, begin = Monitor(reference, part_at), 70 * 288
    list(live(monitor, trained, begin, begin + 24, shift=3.0))
    assert monitor.states()["moments"].state == "drifted"
    list(live(monitor, trained, begin + 24, begin + 24 + 2 * 288))
    assert "wait" not in {alarm.feature for alarm in monitor.alarms.values()}


def test_who_goes_on_where_another_ended_says_the_same(city):
    trained, reference = city
    first, begin = Monitor(reference, part_at), 70 * 288
    list(live(first, trained, begin, begin + 20, shift=0.3))
    second = Monitor(reference, part_at)
    assert second.restore(json.loads(json.dumps(first.to_json())))
    for bucket, served, outcomes in first.window:
        second.remember(bucket, served, outcomes)

    for bucket in range(begin + 20, begin + 200):
        both = registers(reference, bucket, trained.rows(bucket, 0.3))
        assert first.take(bucket, *both) == second.take(bucket, *both)
    assert first.to_json() == second.to_json()
    assert first.states() == second.states()


def test_unknown_is_told_and_never_ok(city):
    trained, reference = city
    monitor = Monitor(reference, part_at)
    assert {state.state for state in monitor.states().values()} == {"unknown"}
    assert "got 0" in monitor.states()["moments"].reason
    list(live(monitor, trained, 70 * 288, 70 * 288 + 24))
    assert monitor.states()["moments"].state == "ok"
    assert monitor.states("the log is behind, got 900 records")["moments"].state == "unknown"


def test_an_older_reference_is_read_and_what_it_lacks_is_unknown():
    moments = {"rows": 100, "missing": 0.0, "mean": 2.0, "variance": 4.0, "skewness": 0.0, "kurtosis": 3.0}
    quantiles = {"0.0": -4.0, "0.5": 2.0, "1.0": 8.0}
    told = {"schema": 1, "rows": 100, "features": {"distance": moments | {"quantiles": quantiles, "by_hour": {}}}}
    monitor = Monitor(read_reference(json.dumps(told).encode()), part_at)

    register = Register(Key("predictions", 0, "c", "m", 1, 7), monitor.reference.served, "")
    register.fold(monitor.reference.served, np.random.default_rng(1).normal(2, 2, (500, 1)), 0, 1)
    assert monitor.take(7, register, None) == []
    assert {state.state for state in monitor.states().values()} == {"unknown"}
    assert "schema 1" in monitor.states()["moments"].reason
    shown = figures(monitor, 12)[0]
    assert shown.kl < 0.05
    assert shown.kl_p is None
    assert shown.psi < 0.05


def test_outcomes_that_the_reference_says_nothing_of_are_shown_and_unknown(city):
    trained, reference = city
    without = dataclasses.replace(reference, outcomes=outcome_columns())
    monitor = Monitor(without, part_at)
    for bucket in range(70 * 288, 70 * 288 + 24):
        monitor.take(bucket, *registers(without, bucket, trained.rows(bucket)))
    told = judgement_of(monitor, "c", "m", 1, 0)
    assert told["checks"]["booking_rate"]["state"] == "unknown"
    assert next(one for one in told["day"] if one["name"] == "booked")["known"] > 0


def test_the_height_is_what_the_bound_says():
    assert threshold(10, 100, 0.5) == pytest.approx(np.log(2_000))


def test_outcomes_that_the_reference_lacks_are_counted_and_unknown(city):
    trained, reference = city
    values = np.random.default_rng(1).normal(2, 2, (500, 1))
    told = drift_reference(["distance"], [False], values, np.zeros(500, int), np.zeros(500, int), np.zeros(500, int))
    monitor = Monitor(read_reference(json.dumps(told).encode()), part_at)
    served = Register(Key("predictions", 0, "c", "m", 1, 7), monitor.reference.served, "")
    served.fold(monitor.reference.served, values, 0, 1)
    _, outcomes = registers(reference, 7, trained.rows(7))
    assert monitor.take(7, served, outcomes) == []
    booked = {one.name: one for one in figures(monitor, 288)}["booked"]
    assert booked.known == outcomes.rows
    assert booked.mean_expected is None
    assert "nothing to compare" in monitor.states()["booking_rate"].reason
