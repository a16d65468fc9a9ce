"""The cities that come with Wayfare."""

from __future__ import annotations

import pytest

from local import cities
from wayfare.adapters.file_registry import FileRegistry
from wayfare.domain.city import SOURCES


def test_both_cities_load_on_wall_time():
    assert cities.names() == ["sf", "sim"]
    for city in map(cities.load, cities.names()):
        assert city.clock.is_wall
        assert city.holds(*city.center)


@pytest.mark.parametrize(
    ("place", "lat", "lon", "inside"),
    [
        ("Union Square", 37.788, -122.4075, True),
        ("Ocean Beach", 37.76, -122.508, True),
        ("Daly City", 37.688, -122.47, True),
        ("San Francisco International Airport", 37.615, -122.39, True),
        ("Treasure Island", 37.823, -122.371, True),
        ("Oakland", 37.8044, -122.2712, False),
        ("Sausalito", 37.8591, -122.4853, False),
        ("San Jose", 37.3382, -121.8863, False),
    ],
)
def test_the_boundary_is_the_peninsula_with_its_airport_and_without_the_east_bay(place, lat, lon, inside):
    assert cities.load("sf").holds(lat, lon) is inside


def test_the_simulated_city_has_every_source_and_the_real_one_only_what_cabs_tell():
    assert cities.load("sim").sources == SOURCES
    assert cities.load("sf").sources == {"driver_pings", "ride_requests"}


def test_a_registry_that_is_there_is_left_alone(tmp_path):
    file = tmp_path / "cities.json"
    cities.write_default(file)
    assert FileRegistry(file, production=True).now().ids() == ["sim"]
    file.write_text('{"cities": []}')
    cities.write_default(file)
    assert FileRegistry(file, production=True).now().ids() == []


def test_an_unknown_city_is_named():
    with pytest.raises(KeyError, match="atlantis"):
        cities.load("atlantis")
