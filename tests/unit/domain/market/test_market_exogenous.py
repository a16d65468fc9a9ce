"""What comes from outside the market: the same for one seed, however it is asked for, with the rhythm of a city."""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayfare.domain.city import City, Place
from wayfare.domain.errors import InvalidInput
from wayfare.domain.features.inputs import PLACE_KINDS
from wayfare.domain.geo.cells import cell_of_point, distance_m
from wayfare.domain.market import rhythm
from wayfare.domain.market.drivers import shifts
from wayfare.domain.market.places import places_of
from wayfare.domain.market.riders import Riders
from wayfare.domain.market.weather import weather_hours, wetness
from wayfare.domain.market.world import World
from wayfare.domain.times import DAY_MS, HOUR_MS

SLOT = 29547000  # a slot in March 2026
DAY = rhythm.SLOTS_PER_DAY


def local_slot(city: City, year: int, month: int, day: int, hour: int = 0) -> int:
    moment = dt.datetime(year, month, day, hour, tzinfo=zoneinfo.ZoneInfo(city.time_zone))
    return round(moment.timestamp() * 1000) // rhythm.SLOT_MS


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30))
def test_requests_are_the_same_however_the_time_is_cut(world: World, first: int, second: int) -> None:
    whole = world.riders.requests(SLOT, first + second)
    parts = world.riders.requests(SLOT, first) + world.riders.requests(SLOT + first, second)
    assert [request.id for request in whole] == [request.id for request in parts]
    assert whole == parts


def test_another_seed_is_another_city(world: World) -> None:
    other = Riders(8, world.places, 4_000.0)
    assert [r.opened_ms for r in other.requests(SLOT, 6)] != [r.opened_ms for r in world.riders.requests(SLOT, 6)]


def test_requests_come_in_order_with_unique_ids_inside_their_time_and_the_city(world: World, sim: City) -> None:
    requests = world.riders.requests(SLOT, DAY)
    times = [request.opened_ms for request in requests]
    assert times == sorted(times)
    assert times[0] >= SLOT * rhythm.SLOT_MS
    assert times[-1] < (SLOT + DAY) * rhythm.SLOT_MS
    assert len({request.id for request in requests}) == len(requests) > 2_000
    for request in requests:
        assert sim.holds(request.pickup_lat, request.pickup_lon)
        assert sim.holds(request.dropoff_lat, request.dropoff_lon)
        assert request.look_s > 0
        assert request.patience_s > 0


def test_an_ordinary_weekday_has_two_peaks_and_quiet_small_hours(world: World, sim: City) -> None:
    monday = local_slot(sim, 2026, 3, 2)
    _, _, mean = world.riders.means(monday, DAY)
    by_hour = mean.sum(axis=1).reshape(24, 6).sum(axis=1)
    assert by_hour[8] > 1.5 * by_hour[11]
    assert by_hour[17] > 1.5 * by_hour[14]
    assert by_hour[3:5].max() < 0.4 * by_hour[8]


def test_saturday_night_is_busier_than_tuesday_night_and_saturday_morning_is_not(world: World, sim: City) -> None:
    def between(day: int, first: int, last: int) -> float:
        _, _, mean = world.riders.means(local_slot(sim, 2026, 3, day) + first * 6, (last - first) * 6)
        return float(mean.sum())

    assert between(7, 22, 27) > 1.7 * between(3, 22, 27)
    assert between(7, 7, 10) < 0.6 * between(3, 7, 10)


def test_rain_raises_demand_and_slows_the_streets(world: World) -> None:
    times = rhythm.slot_times(world.city, SLOT, DAY)
    dry = rhythm.intensity(times, wetness(np.zeros(DAY)))
    wet = rhythm.intensity(times, wetness(np.full(DAY, 4.0)))
    assert 1.1 < wet.sum() / dry.sum() < 1.4
    assert (wet >= dry).all()


def test_riders_differ_in_how_often_they_ride(world: World) -> None:
    rates = np.diff(world.riders.people.share, prepend=0.0)
    assert rates.sum() == pytest.approx(1.0)
    assert np.percentile(rates, 95) > 10 * np.percentile(rates, 20)
    assert rates.max() * 3_600 * 30 < 120  # four a day at most


def test_riders_commute_between_their_own_home_and_work(world: World, sim: City) -> None:
    morning = world.riders.requests(local_slot(sim, 2026, 3, 2, 7), 12)
    people = world.riders.people
    own = [
        request
        for request in morning
        if (request.pickup_lat, request.pickup_lon)
        == (people.own_lat["@home"][request.rider], people.own_lon["@home"][request.rider])
        and (request.dropoff_lat, request.dropoff_lon)
        == (people.own_lat["@work"][request.rider], people.own_lon["@work"][request.rider])
    ]
    assert len(own) > 0.4 * len(morning)


def test_weather_is_the_same_from_any_start_and_plausible(sim: City) -> None:
    first = 500_000
    year = weather_hours(7, sim.center.lon, first, 24 * 365)
    later = weather_hours(7, sim.center.lon, first + 1_000, 48)
    for name in ("temperature_c", "rain_mm", "humidity", "wind_ms"):
        assert np.array_equal(getattr(year, name)[1_000:1_048], getattr(later, name))
    wet = year.rain_mm > 0
    assert 0.05 < wet.mean() < 0.2
    assert (wet[1:] & wet[:-1]).sum() / wet.sum() > 0.6, "rain comes in spells"
    assert year.temperature_c.min() > -5
    assert year.temperature_c.max() < 40
    assert ((year.humidity >= 0) & (year.humidity <= 1)).all()
    assert (year.wind_ms >= 0).all()
    assert year.row((first + 5) * HOUR_MS + 1) == 5


def test_shifts_are_the_same_however_the_time_is_cut_and_do_not_overlap_beyond_a_days_turn(world: World) -> None:
    start = SLOT * rhythm.SLOT_MS
    whole = shifts(7, world.places, start, start + 3 * DAY_MS)
    parts = shifts(7, world.places, start, start + DAY_MS + 1234) + shifts(
        7, world.places, start + DAY_MS + 1234, start + 3 * DAY_MS
    )
    assert whole == parts
    assert all(4 * HOUR_MS <= shift.end_ms - shift.start_ms <= 12 * HOUR_MS for shift in whole)
    assert 100 < len(whole) / 3 < 330


def test_places_have_known_kinds_and_their_cells_tell_them(sim: City) -> None:
    places = places_of(sim)
    assert set(places.kinds) <= set(PLACE_KINDS)
    assert {"home", "office", "pub", "arena", "temple", "airport"} <= set(places.kinds)
    kinds = places.place_kinds()
    for index in places.of_kind("arena", "airport"):
        assert kinds[cell_of_point(float(places.lat[index]), float(places.lon[index]))] == places.kinds[index]
    assert set(kinds.values()) <= set(PLACE_KINDS)


def test_the_plane_agrees_with_the_sphere_within_three_per_thousand(sim: City) -> None:
    places = places_of(sim)
    sphere = distance_m(places.lat[:, None], places.lon[:, None], places.lat[None, :], places.lon[None, :])
    apart = sphere > 500
    assert np.abs(places.distance_m[apart] / sphere[apart] - 1.0).max() < 0.003
    lat, lon = places.to_degrees(*places.to_plane(places.lat, places.lon))
    assert np.allclose(lat, places.lat)
    assert np.allclose(lon, places.lon)


def test_a_boundary_elsewhere_is_refused(sim: City) -> None:
    berlin = dataclasses.replace(sim, id="b", boundary=(Place(52, 13), Place(53, 13), Place(53, 14)))
    with pytest.raises(InvalidInput, match="San Francisco.*got"):
        places_of(berlin)
