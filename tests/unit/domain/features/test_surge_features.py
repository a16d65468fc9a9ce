import math

import pytest

from wayfare.domain.city import SOURCES, Place
from wayfare.domain.features.inputs import PLACE_KINDS, RADIUS_M, RiderHistory, SurgeInputs, Weather
from wayfare.domain.features.rider import pair_key
from wayfare.domain.features.sets import SURGE, vector

PICKUP, DROPOFF = Place(37.775, -122.42), Place(37.76, -122.40)


class FixedTravel:
    def distance_m(self, pickup: Place, dropoff: Place, hour: int) -> float:
        return 1000.0 + hour

    def duration_s(self, pickup: Place, dropoff: Place, hour: int) -> float:
        return 300.0 + hour

    def wait_s(self, pickup: Place, hour: int) -> float:
        return 60.0 + hour


class FixedTree:
    def leaf(self, lat: float, lon: float) -> int:
        return 7 if lat == PICKUP.lat else 9


class Levels:
    """A window that answers from a table and tells where it was asked."""

    def __init__(self, levels: dict[str, float]) -> None:
        self.levels = levels
        self.asked: list[tuple[Place, float]] = []

    def within(self, gauge: str, place: Place, radius_m: float) -> float | None:
        self.asked.append((place, radius_m))
        return self.levels.get(gauge)


def inputs(**changes: object) -> SurgeInputs:
    given = {"window": None, "rider": None, "weather": None, "place_kind": None} | changes
    return SurgeInputs(PICKUP, DROPOFF, 17, 4, FixedTravel(), FixedTree(), **given)


def named(given: SurgeInputs) -> dict[str, float]:
    return dict(zip([feature.name for feature in SURGE], vector(SURGE, given), strict=True))


def test_the_surge_model_has_the_features_of_the_design_in_a_fixed_order() -> None:
    assert [feature.name for feature in SURGE] == [
        "est_distance_m", "est_duration_s", "est_wait_s", "pickup_leaf", "dropoff_leaf", "cabs_available_5km",
        "cabs_dropping_off_5km", "requests_waiting_5km", "hour_local", "weekday_local", "rider_bookings_30d",
        "rider_bookings_30d_at_1_0", "rider_bookings_30d_at_1_25", "rider_bookings_30d_at_1_5",
        "rider_bookings_30d_at_1_75", "rider_bookings_30d_at_2_0", "rider_bookings_30d_at_2_25",
        "rider_bookings_30d_at_2_5", "rider_pair_bookings_30d", "rider_history_days", "pickup_place_kind", "rain_mm",
        "temperature_c", "humidity", "wind_ms",
    ]  # fmt: skip


def test_without_sources_only_the_trip_the_places_and_the_moment_are_known() -> None:
    found = named(inputs())
    assert {name for name, value in found.items() if not math.isnan(value)} == {
        feature.name for feature in SURGE if feature.source is None
    }
    assert found["est_distance_m"] == 1017.0
    assert found["est_duration_s"] == 317.0
    assert found["est_wait_s"] == 77.0
    assert (found["pickup_leaf"], found["dropoff_leaf"]) == (7.0, 9.0)
    assert (found["hour_local"], found["weekday_local"]) == (17.0, 4.0)


def test_levels_are_counted_within_five_kilometres_of_the_pickup_and_zero_is_not_missing() -> None:
    window = Levels({"cabs_available": 0.0, "requests_waiting": 12.5})
    found = named(inputs(window=window))
    assert found["cabs_available_5km"] == 0.0
    assert math.isnan(found["cabs_dropping_off_5km"])
    assert found["requests_waiting_5km"] == 12.5
    assert window.asked == [(PICKUP, RADIUS_M)] * 3


def test_a_rider_without_bookings_has_zeros_and_no_rider_is_missing() -> None:
    newcomer = {name: v for name, v in named(inputs(rider=RiderHistory(0, 30))).items() if name.startswith("rider_")}
    assert newcomer.pop("rider_history_days") == 30.0
    assert set(newcomer.values()) == {0.0}
    assert all(math.isnan(value) for name, value in named(inputs()).items() if name.startswith("rider_"))


def test_a_riders_bookings_are_told_apart_by_multiplier_and_pair() -> None:
    history = RiderHistory(9, 12, {1.0: 5, 1.75: 3, 2.5: 1}, {pair_key(*PICKUP, *DROPOFF): 4, "1-2": 2})
    found = named(inputs(rider=history))
    assert found["rider_bookings_30d"] == 9.0
    by_level = [
        found[f"rider_bookings_30d_at_{level}"] for level in ["1_0", "1_25", "1_5", "1_75", "2_0", "2_25", "2_5"]
    ]
    assert by_level == [5.0, 0.0, 0.0, 3.0, 0.0, 0.0, 1.0]
    assert found["rider_pair_bookings_30d"] == 4.0
    assert found["rider_history_days"] == 12.0


def test_weather_and_the_kind_of_place_are_taken_as_they_are() -> None:
    found = named(inputs(weather=Weather(14.5, 0.0, 0.8, 3.0), place_kind="pub"))
    assert (found["temperature_c"], found["rain_mm"], found["humidity"], found["wind_ms"]) == (14.5, 0.0, 0.8, 3.0)
    assert found["pickup_place_kind"] == PLACE_KINDS.index("pub")
    assert math.isnan(named(inputs(place_kind="volcano"))["pickup_place_kind"])


@pytest.mark.parametrize("feature", SURGE, ids=lambda feature: feature.name)
def test_every_feature_says_what_it_means_and_needs_a_known_source(feature: object) -> None:
    assert feature.function.__doc__
    assert feature.source is None or feature.source in SOURCES


def test_no_two_features_have_one_definition() -> None:
    assert len({feature.hash() for feature in SURGE}) == len(SURGE)
