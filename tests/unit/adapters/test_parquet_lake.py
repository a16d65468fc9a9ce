"""Landing exactly once, with the process dying at every step on the way."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from wayfare.adapters import parquet_lake
from wayfare.adapters.parquet_lake import PartitionLanding
from wayfare.adapters.parquet_rows import Row
from wayfare.adapters.parquet_tables import TABLES
from wayfare.domain.errors import StoreUnavailable


class Died(BaseException):
    """Stands for kill -9: nothing catches it."""


def booking(number: int, city: str = "sf", day: str = "2026-11-21") -> Row:
    columns: dict[str, Any] = dict.fromkeys(TABLES["bookings"].names) | {"quote_id": f"q-{number}", "t_ms": number}
    return Row(city, day, columns)


def pane(number: int, series: str = "sf|cabs_available|driver-pings|0") -> Row:
    columns = {
        "gauge": "cabs_available", "topic": "driver-pings", "partition": 0, "pane": number, "covers_offset": number,
        "log_time_ms": number, "total": 1, "cells": np.array([5]), "counts": np.array([1], np.uint32),
    }  # fmt: skip
    return Row("sf", "2026-11-21", columns, (series, number))


def landed(lake: pathlib.Path, topic: str = "bookings", column: str = "quote_id") -> list[Any]:
    files = sorted((lake / topic).glob("city=*/day=*/*.parquet"))
    return [value for file in files for value in pq.ParquetFile(file).read().column(column).to_pylist()]


def opened(lake: pathlib.Path, topic: str = "bookings") -> PartitionLanding:
    landing = PartitionLanding(lake, topic, 1)
    landing.open()
    return landing


BATCHES = [
    ([booking(0), booking(1, "ny"), booking(2, day="2026-11-22")], 0, 4),
    ([booking(5, "ny"), booking(6)], 5, 9),
]
STEPS = 5 * 3 + 2 * 3 + 1
"""Steps of landing both batches: three for each of five files, three for each ledger, and one more that none dies at."""
ALL = ["q-0", "q-1", "q-2", "q-5", "q-6"]


def test_rows_lie_by_city_and_day_under_names_that_tell_their_offsets(tmp_path):
    landing = opened(tmp_path)
    assert landing.land(*BATCHES[0]) == 3
    landing.close()
    names = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.glob("bookings/**/*.parquet"))
    assert names == [
        f"bookings/city={city}/day={day}/bookings-1-{0:020d}-{4:020d}.parquet"
        for city, day in (("ny", "2026-11-21"), ("sf", "2026-11-21"), ("sf", "2026-11-22"))
    ]
    assert pq.ParquetFile(tmp_path / names[0]).schema_arrow.equals(TABLES["bookings"])


@pytest.mark.parametrize("step", range(STEPS))
def test_a_process_that_dies_at_any_step_lands_every_row_once(tmp_path, monkeypatch, step):
    """Every fsync and rename is a step; the process dies before the step-th of them, and a successor takes over."""
    left = [step]

    def dying(real: Any) -> Any:
        def call(*arguments: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise Died
            return real(*arguments)

        return call

    monkeypatch.setattr(parquet_lake, "_sync", dying(parquet_lake._sync))
    monkeypatch.setattr(pathlib.Path, "rename", dying(pathlib.Path.rename))
    landing = opened(tmp_path)
    with contextlib.nullcontext() if step == STEPS - 1 else pytest.raises(Died):
        for batch in BATCHES:
            landing.land(*batch)
    landing.close()
    monkeypatch.undo()
    successor = opened(tmp_path)
    for rows, first, last in BATCHES:
        if successor.next_offset is None or first >= successor.next_offset:
            successor.land(rows, first, last)
    assert sorted(landed(tmp_path)) == ALL
    assert successor.next_offset == 10
    assert not list(tmp_path.glob("**/.*.tmp"))
    successor.close()


def test_offsets_that_have_landed_are_refused(tmp_path):
    landing = opened(tmp_path)
    landing.land(*BATCHES[0])
    with pytest.raises(ValueError, match="got 4"):
        landing.land([booking(4)], 4, 9)
    landing.close()


def test_a_second_owner_waits_until_the_first_lets_go(tmp_path):
    first = opened(tmp_path)
    second = PartitionLanding(tmp_path, "bookings", 1)
    with pytest.raises(StoreUnavailable, match="bookings-1"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_offsets_without_rows_land_as_progress_alone(tmp_path):
    landing = opened(tmp_path)
    assert landing.land([], 0, 7) == 0
    landing.close()
    again = opened(tmp_path)
    assert again.next_offset == 8
    again.close()
    assert landed(tmp_path) == []


def test_panes_written_again_after_a_crash_of_ingest_are_left_out_across_restarts(tmp_path):
    landing = opened(tmp_path, "panes")
    assert landing.land([pane(1), pane(2), pane(2)], 0, 2) == 2
    landing.close()
    landing = opened(tmp_path, "panes")
    assert landing.land([pane(1), pane(2), pane(3), pane(1, "sf|cabs_available|driver-pings|1")], 3, 6) == 2
    landing.close()
    assert landed(tmp_path, "panes", "pane") == [1, 2, 3, 1]


def test_a_lake_that_cannot_be_written_is_unavailable_and_the_same_batch_may_land_later(tmp_path, monkeypatch):
    landing = opened(tmp_path)

    def full(path: pathlib.Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(parquet_lake, "_sync", full)
        with pytest.raises(StoreUnavailable, match="No space left"):
            landing.land(*BATCHES[0])
    landing.land(*BATCHES[0])
    landing.close()
    assert sorted(landed(tmp_path)) == ALL[:3]


def test_the_ledger_is_plain_json_that_a_person_can_read(tmp_path):
    landing = opened(tmp_path)
    landing.land(*BATCHES[0])
    landing.close()
    held = json.loads((tmp_path / "_landed" / "bookings-1.json").read_text())
    assert held["next_offset"] == 5
    assert all(os.path.exists(tmp_path / name) for name in held["files"])
