"""The list of metrics: conventions of Prometheus, and labels whose values some list bounds."""

from __future__ import annotations

import pytest
from prometheus_client import Counter, Gauge, Histogram

from wayfare.runtime import metrics

ALL = {name: value for name, value in vars(metrics).items() if isinstance(value, Counter | Gauge | Histogram)}


@pytest.mark.parametrize("name", ALL)
def test_every_label_has_a_list_that_bounds_it(name):
    assert set(ALL[name]._labelnames) <= set(metrics.LABELS)


@pytest.mark.parametrize("name", ALL)
def test_names_are_of_this_product_and_in_base_units(name):
    metric = ALL[name]
    assert metric._name.startswith("wayfare_")
    assert not metric._name.endswith(("_ms", "_milliseconds", "_minutes", "_kb", "_percent"))
    assert metric._documentation.endswith(".")
    if isinstance(metric, Histogram) and "rows" not in metric._name:
        assert metric._name.endswith("_seconds")


def test_no_two_metrics_share_a_name():
    assert len({metric._name for metric in ALL.values()}) == len(ALL)
