import time

import pytest

from services.pricing_api.bodies import SurgeHere, SurgeMapAnswer
from wayfare.domain.city import Place
from wayfare.domain.geo.cells import cell_of_point, from_quadkey, quadkey

DOWNTOWN = (37.7897, -122.4011)
WEST = Place(37.71, -122.51)


def the_map(world, path="/v1/surge/map", token="rider.r-1", **headers):
    return world.get(path, token, **headers)


def test_the_map_shows_the_supply_of_active_cells(world):
    world.copies.compute_maps()
    world.copies.refresh()
    answer = the_map(world)
    assert answer.status_code == 200
    assert answer.content_type == "application/geo+json"
    shown = answer.get_json()
    SurgeMapAnswer.model_validate(shown)
    (feature,) = shown["features"]
    assert feature["properties"] == {
        "cell": quadkey(cell_of_point(*DOWNTOWN)),
        "city": "sim",
        "multiplier": 1.5,
        "price_source": "model",
        "cabs_available": 12,
        "requests_waiting": 5,
    }
    ((west, south), _, (east, north), _, last) = feature["geometry"]["coordinates"][0]
    assert last == [west, south]
    assert west <= DOWNTOWN[1] < east
    assert south <= DOWNTOWN[0] < north
    assert shown["degraded"] == []


def test_a_new_cab_shows_within_one_refresh_and_one_tick(world):
    world.copies.compute_maps()
    world.now += 400
    world.see(cabs=13, waiting=5)
    world.copies.compute_maps()
    world.copies.refresh()
    assert the_map(world).get_json()["features"][0]["properties"]["cabs_available"] == 13


def test_every_replica_shows_the_same_and_one_computes_it(world):
    other = world.replica("two")
    other.refresh()
    other.of(world.cities[0]).model = world.copies.of(world.cities[0]).model
    world.copies.compute_maps()
    world.now += 400
    before = world.shared.maps["sim"]
    other.compute_maps()
    assert world.shared.maps["sim"] is before
    world.copies.refresh()
    other.refresh()
    mine, theirs = the_map(world), None
    world.app = world.application(other)
    theirs = the_map(world)
    assert mine.get_data() == theirs.get_data()
    assert mine.headers["ETag"] == theirs.headers["ETag"]


def test_another_process_takes_over_when_the_holder_is_gone(world):
    other = world.replica("two")
    other.of(world.cities[0]).model = world.copies.of(world.cities[0]).model
    other.refresh()
    world.copies.compute_maps()
    world.now += 3_100
    world.see(cabs=12, waiting=5)
    other.refresh()
    other.compute_maps()
    assert world.shared.leases["sim"][0] == "two"
    assert world.shared.maps["sim"].computed_at_ms == world.now


def test_a_holder_that_was_paused_past_its_lease_replaces_nothing(world):
    world.copies.compute_maps()
    held = world.shared.maps["sim"]
    world.now += 3_100
    other = world.replica("two")
    assert other.maps.hold("sim")
    assert not world.copies.maps.put(held)


def test_an_unchanged_map_is_304(world):
    world.copies.compute_maps()
    world.copies.refresh()
    first = the_map(world)
    again = the_map(world, If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.get_data()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, max-age=1"
    world.see(cabs=13, waiting=5)
    world.now += 400
    world.see(cabs=14, waiting=5)
    world.copies.compute_maps()
    world.copies.refresh()
    assert the_map(world, If_None_Match=first.headers["ETag"]).status_code == 200


@pytest.mark.parametrize(
    ("bbox", "cells"),
    [
        ("-122.52,37.70,-122.35,37.83", 1),
        ("-122.52,37.70,-122.45,37.83", 0),
        ("170,-50,-170,50", 0),
        ("120,30,-122.3,40", 1),
        ("0,0,0,0", 0),
        ("-180,-90,180,90", 1),
    ],
)
def test_any_box_is_answered(world, bbox, cells):
    world.copies.compute_maps()
    world.copies.refresh()
    answer = the_map(world, f"/v1/surge/map?bbox={bbox}")
    assert answer.status_code == 200
    assert len(answer.get_json()["features"]) == cells


@pytest.mark.parametrize("bbox", ["1,2,3", "a,b,c,d", "0,2,1,1", "nan,0,1,1", "-181,0,1,1", "0,0,1,inf", ""])
def test_what_is_no_box_is_refused(world, bbox):
    answer = the_map(world, f"/v1/surge/map?bbox={bbox}")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/bbox"


def test_without_any_map_it_is_503_and_with_an_old_copy_its_age_is_told(world):
    assert the_map(world).status_code == 503
    world.copies.compute_maps()
    world.copies.refresh()
    world.shared.unavailable = True
    world.now += 20_000
    world.copies.refresh()
    answer = the_map(world)
    assert answer.status_code == 200
    assert answer.headers["Age"] == "20"
    assert answer.get_json()["degraded"] == ["surge_map: computed 20 s ago"]


def test_without_the_model_the_map_goes_down_the_ladder(world):
    world.predictor.fault = "connection refused"
    world.copies.compute_maps()
    world.copies.refresh()
    shown = the_map(world).get_json()
    assert shown["features"][0]["properties"]["price_source"] == "prior:cell"
    assert shown["features"][0]["properties"]["cabs_available"] == 12
    assert shown["degraded"] == ["model: connection refused, last multipliers and priors used"]


def test_the_map_feeds_the_ladder_of_quotes(world):
    world.copies.compute_maps()
    world.copies.refresh()
    world.predictor.fault = "connection refused"
    assert world.quote()["lineage"]["price_source"] == "last_multiplier"


def test_a_map_of_five_hundred_cells_fits_its_tick(world):
    import numpy as np

    from wayfare.domain.streams.panes import PANE_MS, PaneRegister

    lat, lon = np.meshgrid(np.linspace(37.705, 37.825, 24), np.linspace(-122.515, -122.355, 22))
    from wayfare.domain.geo.cells import cells_of

    cells = np.unique(cells_of(lat.ravel(), lon.ravel()))
    world.window.put(
        [
            PaneRegister(
                "sim", "cabs_available", "driver-pings", 0, world.now // PANE_MS, world.now + 1, world.now, False,
                len(cells), cells, np.ones(len(cells), np.uint32),
            )
        ]
    )  # fmt: skip
    world.copies.refresh()
    world.copies.compute_maps()
    began = time.process_time()
    world.copies.compute_maps()
    assert time.process_time() - began < world.settings.map_tick_seconds
    assert len(world.shared.maps["sim"].cells) == len(cells) >= 400


def test_surge_here_is_what_the_map_shows_there_with_its_inputs(world):
    world.copies.compute_maps()
    world.copies.refresh()
    answer = world.get("/v1/surge?lat=37.7897&lon=-122.4011")
    assert answer.status_code == 200
    here = answer.get_json()
    SurgeHere.model_validate(here)
    shown = the_map(world).get_json()["features"][0]["properties"]
    assert (here["cell"], here["surge"]["multiplier"]) == (shown["cell"], shown["multiplier"])
    assert here["inputs"]["cabs_available_5km"] == pytest.approx(12, rel=0.05)
    assert here["inputs"]["requests_waiting_5km"] == pytest.approx(5, rel=0.05)
    assert here["inputs"]["rider_bookings_30d"] is None
    assert here["age_s"] == 0
    assert from_quadkey(here["cell"])[1] == 16


def test_surge_outside_every_city_is_refused_at_its_place(world):
    answer = world.get("/v1/surge?lat=0&lon=0")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/lat"


@pytest.mark.parametrize("token", ["rider.r-1", "driver.d-1", "service.s", "operator.o"])
def test_every_role_may_look(world, token):
    world.copies.compute_maps()
    world.copies.refresh()
    for path in ("/v1/surge/map", "/v1/surge?lat=37.7897&lon=-122.4011", "/v1/cities"):
        assert world.get(path, token).status_code == 200


@pytest.mark.parametrize("change", ["window", "hour", "weather", "batch", "nothing"])
def test_rows_kept_between_ticks_are_what_computing_them_anew_gives(world, change):
    from wayfare.domain.features.inputs import Weather
    from wayfare.domain.features.stores import CellFeatures
    from wayfare.domain.pricing.live import Observed
    from wayfare.domain.pricing.mapping import MapRows
    from wayfare.domain.pricing.pricer import moment

    city, live = world.cities[0], world.copies.of(world.cities[0])
    kept = MapRows()
    active = [cell_of_point(*DOWNTOWN), cell_of_point(*WEST)]

    def rows(of):
        return of.rows(city, live, live.model, world.copies.pricer, moment(city, world.now), active)

    before = [list(row) for row in rows(kept)[0]]
    world.now += 500
    if change == "window":
        world.see(cabs=99, waiting=1)
    elif change == "hour":
        world.now += 3_600_000
    elif change == "weather":
        cell = cell_of_point(*DOWNTOWN)
        live.weather = (Observed(cell, world.now, Weather(1.0, 9.0, 0.5, 1.0)),)
    elif change == "batch":
        live.cells = {cell_of_point(*WEST): CellFeatures("pub", Place(37.8, -122.4), 3)}
    after, fresh = rows(kept), rows(MapRows())
    assert repr(after) == repr(fresh)
    assert (repr(after[0]) == repr(before)) == (change == "nothing")


def test_a_token_of_another_city_sees_nothing_of_this_one(world):
    world.copies.compute_maps()
    world.copies.refresh()
    token = "rider.r-1.sf"
    assert world.get(f"/v1/surge?lat={DOWNTOWN[0]}&lon={DOWNTOWN[1]}", token).status_code == 403
    assert the_map(world, token=token).get_json()["features"] == []
    assert world.get("/v1/cities", token).get_json()["cities"] == []
