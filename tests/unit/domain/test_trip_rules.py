import json
import pathlib

import numpy as np
import pytest

from wayfare.domain.city import City, city_from_json
from wayfare.domain.trip_rules import REASONS, broken_rules

ROOT = pathlib.Path(__file__).parents[3]
SIM: City = city_from_json(json.loads((ROOT / "local" / "cities" / "sim.json").read_text()))
NOW = 1_772_000_000_000
START = NOW - 86_400_000

GOOD: dict[str, object] = {
    "trip_id": "t-1", "pickup_lat": 37.775, "pickup_lon": -122.42, "dropoff_lat": 37.76, "dropoff_lon": -122.40,
    "started_at_ms": float(START), "ended_at_ms": float(START + 600_000), "rider_id": "r-1", "distance_m": 3200.0,
    "wait_s": 120.0, "surge_multiplier": 1.25, "base_fare_minor": 900.0, "total_fare_minor": 1125.0,
    "booked_at_ms": float(START - 200_000), "requested_at_ms": float(START - 210_000),
}  # fmt: skip


def reasons(**changes: object) -> set[str]:
    row = GOOD | changes
    columns = {
        name: [value] if isinstance(value, str) or name.endswith("_id") else np.array([value], np.float64)
        for name, value in row.items()
    }
    return {reason for reason, rows in broken_rules(columns, SIM, NOW).items() if rows[0]}


def test_a_good_trip_breaks_no_rule() -> None:
    assert reasons() == set()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pickup_lat": 0.0, "pickup_lon": 0.0}, {"place"}),
        ({"dropoff_lat": 123.0}, {"place"}),
        ({"pickup_lat": 40.7, "pickup_lon": -74.0}, {"out_of_city", "distance", "speed"}),
        ({"base_fare_minor": -350.0}, {"fare"}),
        ({"total_fare_minor": 1e9}, {"fare"}),
        ({"distance_m": 360_068 * 1609.344}, {"distance"}),
        ({"distance_m": -1.0}, {"distance"}),
        ({"distance_m": 100.0}, {"distance"}),
        ({"started_at_ms": 3_471_292_800_000.0, "ended_at_ms": 3_471_293_400_000.0}, {"time"}),
        ({"started_at_ms": 1.0, "ended_at_ms": 600_000.0, "booked_at_ms": None, "requested_at_ms": None}, {"time"}),
        ({"ended_at_ms": float(START - 1)}, {"order", "speed"}),
        ({"ended_at_ms": float(START + 1000)}, {"speed"}),
        ({"ended_at_ms": float(START + 86_400_000 + 1)}, {"order"}),
        ({"booked_at_ms": float(START + 600_000)}, {"order"}),
        ({"wait_s": -5.0}, {"wait"}),
        ({"surge_multiplier": 1.1}, {"multiplier"}),
        ({"surge_multiplier": 9.9}, {"multiplier"}),
        ({"trip_id": "no spaces"}, {"id"}),
        ({"rider_id": "x" * 65}, {"id"}),
        ({"trip_id": None}, {"missing"}),
        ({"started_at_ms": None}, {"missing"}),
        ({"pickup_lat": None}, {"missing"}),
    ],
)
def test_a_row_is_told_every_rule_it_breaks(changes: dict[str, object], expected: set[str]) -> None:
    assert reasons(**changes) == expected
    assert expected <= REASONS.keys()


def test_what_is_not_known_breaks_no_rule() -> None:
    unknown = dict.fromkeys(["distance_m", "wait_s", "surge_multiplier", "base_fare_minor", "booked_at_ms", "rider_id"])
    assert reasons(**unknown) == set()


def test_the_second_of_two_equal_ids_is_the_duplicate() -> None:
    columns = {
        name: [value] * 3 if isinstance(value, str) else np.full(3, value, np.float64) for name, value in GOOD.items()
    }
    columns["trip_id"] = ["a", "b", "a"]
    assert broken_rules(columns, SIM, NOW)["duplicate"].tolist() == [False, False, True]
