import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from wayfare.domain.city import Place
from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.geo.cells import cells_of, distance_m
from wayfare.domain.geo.travel import LAST_RESORT_MS, LAST_RESORT_WAIT_S, TravelTable, from_npz, learn

A, B, FAR = Place(37.775, -122.42), Place(37.760, -122.40), Place(37.615, -122.39)


def trips(n: int, seed: int = 1) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    lat, lon, lat2, lon2 = rng.uniform([[37.74], [-122.45], [37.74], [-122.45]], [[37.79], [-122.39]] * 2, (4, n))
    hour = rng.integers(0, 24, n)
    road = distance_m(lat, lon, lat2, lon2) * 1.4
    seconds = road / np.where((hour >= 17) & (hour < 19), 4.0, 8.0)
    return (lat, lon), (lat2, lon2), hour, road, seconds, np.where(hour < 6, 500.0, 200.0)


def test_what_is_planted_in_history_is_learned() -> None:
    table = learn(*trips(20_000))
    straight = float(distance_m(*A, *B))
    assert table.distance_m(A, B, 12) == pytest.approx(straight * 1.4)
    assert table.duration_s(A, B, 12) == pytest.approx(straight * 1.4 / 8.0)
    assert table.duration_s(A, B, 17) == pytest.approx(straight * 1.4 / 4.0)
    assert (table.wait_s(A, 3), table.wait_s(A, 12)) == (pytest.approx(500.0), pytest.approx(200.0))


def test_a_cell_answers_for_itself_only_with_enough_trips_and_else_as_its_parent() -> None:
    pickup, dropoff, hour, road, seconds, wait = trips(3_000)
    here = cells_of(*pickup, 14) == cells_of(*A, 14)
    wait = np.where(here, 900.0, 100.0)
    hour = np.full_like(hour, 8)
    enough = learn(pickup, dropoff, hour, road, seconds, wait, min_rows=int(here.sum()))
    too_few = learn(pickup, dropoff, hour, road, seconds, wait, min_rows=int(here.sum()) + 1)
    assert enough.wait_s(A, 8) == pytest.approx(900.0)
    in_parent = cells_of(*pickup, 13) == cells_of(*A, 13)
    assert in_parent.sum() > here.sum()
    assert too_few.wait_s(A, 8) == pytest.approx(wait[in_parent].mean())


def test_an_unknown_place_answers_as_the_city_in_that_hour_and_an_unknown_hour_as_the_city() -> None:
    pickup, dropoff, hour, road, seconds, wait = trips(5_000)
    table = learn(pickup, dropoff, np.where(hour < 12, 9, 15), road, seconds, np.where(hour < 12, 100.0, 300.0))
    assert table.wait_s(FAR, 9) == pytest.approx(100.0)
    assert table.wait_s(FAR, 3) == pytest.approx(np.where(hour < 12, 100.0, 300.0).mean())


def test_without_history_the_straight_line_is_the_last_resort() -> None:
    table = learn(([], []), ([], []), [], [], [], [])
    straight = float(distance_m(*A, *B))
    assert table.distance_m(A, B, 5) == pytest.approx(straight)
    assert table.duration_s(A, B, 5) == pytest.approx(straight / LAST_RESORT_MS)
    assert table.wait_s(A, 5) == LAST_RESORT_WAIT_S


def test_trips_without_distance_or_wait_teach_only_what_they_know() -> None:
    pickup, dropoff, hour, road, seconds, _ = trips(2_000)
    table = learn(pickup, dropoff, hour, np.where(hour < 12, road, np.nan), seconds, np.full(2_000, np.nan))
    assert table.distance_m(A, B, 20) == pytest.approx(float(distance_m(*A, *B)) * 1.4)
    assert table.wait_s(A, 20) == LAST_RESORT_WAIT_S


@given(
    st.tuples(st.floats(37.5, 37.9), st.floats(-122.6, -122.3)),
    st.tuples(st.floats(37.5, 37.9), st.floats(-122.6, -122.3)),
    st.integers(0, 23),
)
@settings(max_examples=80, deadline=None)
def test_estimates_are_finite_and_never_negative_wherever_asked(
    start: tuple[float, float], end: tuple[float, float], hour: int
) -> None:
    table = _LEARNED
    values = table.distance_m(Place(*start), Place(*end), hour), table.duration_s(Place(*start), Place(*end), hour)
    assert all(0.0 <= value < 1e6 for value in values)
    assert table.wait_s(Place(*start), hour) > 0


_LEARNED: TravelTable = learn(*trips(5_000))


def test_a_table_survives_its_file_exactly() -> None:
    again = from_npz(_LEARNED.to_npz())
    assert (again.detour, again.pace, again.wait) == (_LEARNED.detour, _LEARNED.pace, _LEARNED.wait)


def test_a_damaged_file_is_refused() -> None:
    with pytest.raises(ArtifactRefused, match="travel.npz"):
        from_npz(_LEARNED.to_npz()[:100])
