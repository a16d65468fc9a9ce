import numpy as np
import pytest
from scipy import stats

from wayfare.domain.models.reference import drift_reference, moments


def test_moments_agree_with_scipy_and_leave_missing_values_out() -> None:
    values = np.random.default_rng(2).gamma(2.0, 3.0, 5_000)
    values[::10] = np.nan
    known = values[~np.isnan(values)]
    found = moments(values)
    assert found["missing"] == pytest.approx(0.1)
    assert found["mean"] == pytest.approx(known.mean())
    assert found["variance"] == pytest.approx(known.var())
    assert found["skewness"] == pytest.approx(stats.skew(known))
    assert found["kurtosis"] == pytest.approx(stats.kurtosis(known, fisher=False))


def test_a_constant_has_no_shape_and_an_absent_feature_no_moments() -> None:
    constant, absent = moments(np.full(10, 3.0)), moments(np.full(10, np.nan))
    assert (constant["mean"], constant["variance"], constant["skewness"]) == (3.0, 0.0, None)
    assert (absent["missing"], absent["mean"]) == (1.0, None)


def test_nights_out_are_of_the_weekend_from_friday_evening_to_sunday_evening() -> None:
    hours, days = np.tile(np.arange(24), 7 * 60), np.repeat(np.arange(7), 24 * 60)
    out = np.where((days == 4) & (hours >= 18) | (days == 5) & (hours >= 18), 9.0, 1.0)
    found = drift_reference(["out"], [False], out[:, None], hours, days)["features"]["out"]["by_hour"]
    assert (found["weekend:20"]["mean"], found["weekday:20"]["mean"]) == (9.0, 1.0)
    assert (found["weekend:20"]["rows"], found["weekday:20"]["rows"]) == (120, 300)
    assert (found["weekend:9"]["rows"], found["weekday:9"]["rows"]) == (120, 300)


def test_the_reference_tells_hours_of_weekdays_from_weekends_and_counts_categories() -> None:
    hours, days = np.tile([8, 20], 700), np.repeat(np.arange(7), 200)
    level = np.where(days >= 5, 100.0, hours.astype(float))
    kind = (np.arange(1400) % 3).astype(float)
    found = drift_reference(["level", "kind"], [False, True], np.column_stack([level, kind]), hours, days)["features"]
    assert found["level"]["by_hour"]["weekday:8"]["mean"] == 8.0
    assert found["level"]["by_hour"]["weekend:8"]["mean"] == 100.0
    assert "weekday:9" not in found["level"]["by_hour"]
    assert found["kind"]["categories"] == {"0": 467, "1": 467, "2": 466}
    assert found["level"]["quantiles"]["1.0"] == 100.0
