"""Training rows tell of several weeks: whole slots of five minutes, drawn alike each time."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipelines.surge.training_set import SLOT_MS, choose
from wayfare.domain.errors import InvalidInput
from wayfare.domain.times import DAY_MS

CITY = SimpleNamespace(id="sf")


def settings(rows: int, days: float = 28.0) -> SimpleNamespace:
    return SimpleNamespace(training_rows=rows, training_days=days, test_share=0.2, validation_share=0.15)


def trips(days: int, a_day: int = 500) -> pd.DataFrame:
    asked = np.sort(np.random.default_rng(5).integers(0, days * DAY_MS, days * a_day))
    return pd.DataFrame({"trip_id": [f"t{ms}" for ms in asked], "asked_ms": asked, "teaches": True})


def test_rows_are_whole_slots_of_every_day_of_the_newest_weeks():
    known = trips(56)
    rows, split = choose(known, settings(3_000), CITY)
    assert 2_900 < len(rows) <= 3_000
    assert rows["asked_ms"].min() > known["asked_ms"].max() - 28 * DAY_MS
    assert set(range(28, 56)) <= set(rows["asked_ms"] // DAY_MS)
    slots = known["asked_ms"] // SLOT_MS
    assert len(rows) == int(slots.isin(rows["asked_ms"] // SLOT_MS).sum())
    assert rows["asked_ms"].is_monotonic_increasing
    assert split.first_ms < split.validation_ms < split.test_ms < split.last_ms


def test_the_next_training_draws_the_same_slots_again():
    known = trips(57)
    before, _ = choose(known[known["asked_ms"] < 56 * DAY_MS], settings(3_000), CITY)
    after, _ = choose(known, settings(3_000), CITY)
    both = set(range(29, 56))
    first, second = (
        {slot for slot in rows["asked_ms"] // SLOT_MS if slot * SLOT_MS // DAY_MS in both} for rows in (before, after)
    )
    assert len(first & second) > 0.95 * len(first | second)


def test_where_there_are_no_more_all_are_taken_but_those_that_may_not_teach():
    known = trips(3)
    known.loc[::2, "teaches"] = False
    rows, _ = choose(known, settings(3_000), CITY)
    assert list(rows["trip_id"]) == list(known["trip_id"][1::2])


def test_too_few_are_refused():
    with pytest.raises(InvalidInput, match="at least 200 trips.*got 100 of 100 trips"):
        choose(trips(1, 100), settings(3_000), CITY)
