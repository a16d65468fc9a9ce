"""The history: equal bit for bit, in the lake's own columns, with panes that follow from the trips."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest

from wayfare.adapters.parquet_tables import TRIPS, WEATHER
from wayfare.domain.city import City
from wayfare.domain.geo.cells import cells_of
from wayfare.domain.market.history import History, generate_history
from wayfare.domain.market.panes import waiting
from wayfare.domain.pricing.fare import price_minor
from wayfare.domain.pricing.surge import LEVELS
from wayfare.domain.streams.panes import GAUGES, PANE_MS

END_MS = 1_772_847_000_000


def test_a_second_run_is_equal_bit_for_bit_and_another_seed_is_not(sim: City) -> None:
    runs = [generate_history(sim, seed, END_MS, days=1, trips=3_600).fingerprint() for seed in (7, 7, 8)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_another_process_with_another_hash_seed_makes_the_same_history(sim: City) -> None:
    code = (
        "from local.cities import load; from wayfare.domain.market.history import generate_history as g; "
        f"print(g(load('sim'), 7, {END_MS}, days=1, trips=3600).fingerprint())"
    )
    prints = [
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert prints[0] == prints[1] == generate_history(sim, 7, END_MS, days=1, trips=3_600).fingerprint() + "\n"


def test_trips_and_weather_are_the_columns_of_the_lake(three_days: History) -> None:
    assert list(three_days.trips) == TRIPS.names
    assert list(three_days.weather) == WEATHER.names
    for table, schema in ((three_days.trips, TRIPS), (three_days.weather, WEATHER)):
        made = pa.table({name: pa.array(column, schema.field(name).type) for name, column in table.items()})
        assert made.schema.names == schema.names
        assert len({len(column) for column in table.values()}) == 1


def test_about_as_many_trips_as_asked_for(three_days: History) -> None:
    assert 0.85 < len(three_days.trips["trip_id"]) / 10_800 < 1.15


def test_trips_are_consistent_in_time_and_money(three_days: History, sim: City) -> None:
    trips = three_days.trips
    assert len(set(trips["trip_id"])) == len(trips["trip_id"])
    assert (trips["requested_at_ms"] <= trips["booked_at_ms"]).all()
    assert (trips["booked_at_ms"] <= trips["started_at_ms"]).all()
    assert (trips["started_at_ms"] < trips["ended_at_ms"]).all()
    assert (trips["started_at_ms"] >= three_days.start_ms).all()
    assert (trips["ended_at_ms"] <= three_days.end_ms).all()
    assert (abs(trips["started_at_ms"] - trips["booked_at_ms"] - 1000 * trips["wait_s"]) <= 500).all()
    assert set(trips["surge_multiplier"]) <= set(LEVELS)
    assert trips["base_fare_minor"].min() >= sim.tariff.minimum_minor
    assert trips["total_fare_minor"].tolist() == [
        price_minor(base, multiplier)
        for base, multiplier in zip(trips["base_fare_minor"].tolist(), trips["surge_multiplier"].tolist(), strict=True)
    ]
    assert set(trips["price_source"]) == {"rule"}


def test_the_rule_leaves_most_trips_plain_and_uses_every_level(three_days: History) -> None:
    multiplier = three_days.trips["surge_multiplier"]
    shares = {level: float((multiplier == level).mean()) for level in LEVELS}
    assert 0.55 < shares[1.0] < 0.8
    assert all(share > 0 for share in shares.values()), shares


def test_panes_are_whole_sorted_and_positive(three_days: History) -> None:
    assert set(three_days.panes) == set(GAUGES)
    minutes = (three_days.end_ms - three_days.start_ms) // PANE_MS
    for part in three_days.panes.values():
        assert part.panes.tolist() == list(range(three_days.start_ms // PANE_MS, three_days.end_ms // PANE_MS))
        assert len(part.offsets) == minutes + 1
        assert part.offsets[0] == 0
        assert part.offsets[-1] == len(part.cells) == len(part.counts)
        assert (part.counts > 0).all()
        for i in range(0, minutes, 97):
            cells, _ = part.row(i)
            assert (np.diff(cells) > 0).all()


def test_the_flow_of_trips_is_the_trips(three_days: History) -> None:
    """Every finished trip starts in its pickup's cell and minute; trips under way at the end start too."""
    part = three_days.panes["trips_started"]
    trips = three_days.trips
    row = trips["started_at_ms"] // PANE_MS - part.panes[0]
    cells = cells_of(trips["pickup_lat"], trips["pickup_lon"])
    counted: dict[tuple[int, int], int] = {}
    for key in zip(row.tolist(), cells.tolist(), strict=True):
        counted[key] = counted.get(key, 0) + 1
    for (i, cell), count in counted.items():
        found_cells, found = part.row(i)
        assert found[found_cells == cell].sum() >= count
    unfinished = int(part.counts.sum()) - len(row)
    assert 0 <= unfinished < 150


def test_levels_are_people_and_cabs_not_messages(three_days: History) -> None:
    totals = {
        gauge: [int(part.row(i)[1].sum()) for i in range(len(part.panes))] for gauge, part in three_days.panes.items()
    }
    assert max(totals["cabs_available"]) < 200
    assert 25 < np.mean(totals["cabs_available"]) < 120
    assert 2 < np.mean(totals["cabs_dropping_off"]) < 40
    assert 0.5 < np.mean(totals["requests_waiting"]) < 10
    assert np.mean(totals["requests_opened"]) * 1440 == pytest.approx(3_600 * 1.24, rel=0.25)


def test_a_waiting_request_shows_at_the_ends_of_the_minutes_it_waits_through() -> None:
    opened = np.array([10 * PANE_MS + 5, 10 * PANE_MS + 5, 11 * PANE_MS])
    ended = np.array([10 * PANE_MS + 50, 12 * PANE_MS + 50, 12 * PANE_MS])
    level, flow = waiting(10, 4, opened, ended, np.array([1, 2, 3]))
    assert [level.row(i)[0].tolist() for i in range(4)] == [[2], [2, 3], [], []]
    assert [flow.row(i)[0].tolist() for i in range(4)] == [[1, 2], [3], [], []]


def test_two_weeks_take_a_small_part_of_the_minute_that_eight_may(sim: City) -> None:
    told: list[float] = []
    started = time.process_time()
    generate_history(sim, 3, END_MS, days=14, trips=50_000, progress=told.append)
    assert time.process_time() - started < 30.0
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 50
    assert json.dumps(told)
