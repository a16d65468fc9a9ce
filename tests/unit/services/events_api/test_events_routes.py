import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.events_api import examples
from services.events_api.bodies import Pings, RideRequestStep, Trips, Weather
from wayfare.domain.city import Place
from wayfare.domain.streams.events import DriverPing, RideRequest, Trip, WeatherObservation
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.web.schema import read_body


def pointers(answer, status=422):
    assert answer.status_code == status, answer.get_data(as_text=True)
    return [error["pointer"] for error in answer.get_json(force=True).get("errors", [])]


def test_pings_are_acknowledged_and_recorded_in_their_city(world, make):
    answer = world.post("/v1/driver-pings", {"pings": [make.ping(), make.ping(driver_id="d-2", status="on_trip", dropoff={"lat": 1, "lon": 2})]})  # fmt: skip
    assert answer.status_code == 202
    assert answer.get_json() == {"accepted": 2, "received_at": "2026-11-21T08:30:00Z"}
    assert sorted(world.events("driver-pings"), key=lambda row: row[1].driver_id) == [
        ("a", DriverPing("d-1", make.now_ms, 10.0, 10.0, "available")),
        ("a", DriverPing("d-2", make.now_ms, 10.0, 10.0, "on_trip", Place(1.0, 2.0))),
    ]


def test_received_at_is_the_clock_of_the_city(world, make):
    world.wall += 1_000
    answer = world.post("/v1/driver-pings", {"pings": [make.ping()]})
    assert answer.get_json()["received_at"] == "2026-11-21T08:31:00Z"
    assert world.log.events("driver-pings")[0].received_at_ms == make.now_ms + 60_000


def test_a_ping_outside_every_city_is_recorded_without_one(world, make):
    answer = world.post("/v1/driver-pings", {"pings": [make.ping(lat=50)]}, token="driver:d-1:a")
    assert answer.status_code == 202
    assert [city for city, _ in world.events("driver-pings")] == [""]


def test_pings_of_several_cities_come_in_one_request(two_cities, make):
    body = {"pings": [make.ping(), make.ping(lat=20, lon=20), make.ping(lat=-50)]}
    assert two_cities.post("/v1/driver-pings", body).status_code == 202
    assert sorted(city for city, _ in two_cities.events("driver-pings")) == ["", "a", "b"]


def test_a_driver_names_only_itself(world, make):
    body = {"pings": [make.ping(), make.ping(driver_id="d-2")]}
    assert world.post("/v1/driver-pings", body, token="driver:d-1").status_code == 403
    assert world.events("driver-pings") == []
    assert world.post("/v1/driver-pings", {"pings": [make.ping()]}, token="driver:d-1").status_code == 202


@pytest.mark.parametrize("number", [0, 1001])
def test_a_request_has_1_to_1000_events(world, make, number):
    assert pointers(world.post("/v1/driver-pings", {"pings": [make.ping()] * number})) == ["/pings"]
    assert pointers(world.post("/v1/trips", {"trips": [make.trip()] * number})) == ["/trips"]
    assert pointers(world.post("/v1/weather", {"observations": [make.observation()] * number})) == ["/observations"]


def test_a_thousand_are_taken(world, make):
    body = {"pings": [make.ping(driver_id=f"d-{number}") for number in range(1000)]}
    assert world.post("/v1/driver-pings", body).get_json()["accepted"] == 1000


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"status": "available", "dropoff": {"lat": 1, "lon": 1}}, "/pings/0/dropoff"),
        ({"status": "parked"}, "/pings/0/status"),
        ({"lat": 90.01}, "/pings/0/lat"),
        ({"lon": "10"}, "/pings/0/lon"),
        ({"driver_id": "d 1"}, "/pings/0/driver_id"),
        ({"t": "2026-11-21T08:30:00+00:00"}, "/pings/0/t"),
        ({"speed": 3}, "/pings/0/speed"),
    ],
)
def test_a_ping_that_does_not_fit_is_refused_at_its_place(world, make, change, at):
    assert pointers(world.post("/v1/driver-pings", {"pings": [make.ping(**change)]})) == [at]
    assert world.events("driver-pings") == []


def test_dropoff_may_be_null_whatever_the_status(world, make):
    assert world.post("/v1/driver-pings", {"pings": [make.ping(dropoff=None)]}).status_code == 202


def test_one_bad_ping_of_many_refuses_all(world, make):
    body = {"pings": [make.ping(), make.ping(lat=91), make.ping(status="on_trip"), make.ping(dropoff={"lat": 1, "lon": 1})]}  # fmt: skip
    assert pointers(world.post("/v1/driver-pings", body)) == ["/pings/1/lat", "/pings/3/dropoff"]
    assert world.events("driver-pings") == []


def test_five_minutes_ahead_is_the_limit(world, make):
    at_limit, beyond = (format_rfc3339(make.now_ms + 300_000 + ms) for ms in (0, 1))
    assert world.post("/v1/driver-pings", {"pings": [make.ping(t=at_limit)]}).status_code == 202
    assert pointers(world.post("/v1/driver-pings", {"pings": [make.ping(), make.ping(t=beyond)]})) == ["/pings/1/t"]
    assert pointers(world.post("/v1/ride-requests", make.request(t=beyond))) == ["/t"]
    assert pointers(world.post("/v1/trips", {"trips": [make.trip(ended_at=beyond)]})) == ["/trips/0/ended_at"]
    assert pointers(world.post("/v1/weather", {"observations": [make.observation(t=beyond)]})) == ["/observations/0/t"]


def test_an_old_event_is_recorded(world, make):
    old = make.ping(t="1970-01-01T00:00:00Z")
    assert world.post("/v1/driver-pings", {"pings": [old]}).status_code == 202


def test_without_the_log_it_is_503_with_retry_after_and_nothing_is_promised(world, make):
    world.log.unavailable = True
    answer = world.post("/v1/driver-pings", {"pings": [make.ping()]})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    world.log.unavailable = False
    assert world.post("/v1/driver-pings", {"pings": [make.ping()]}).status_code == 202


def test_a_request_is_opened_with_both_places(world, make):
    assert world.post("/v1/ride-requests", make.request(quote_id="q-1"), token="rider:r-1").status_code == 202
    [(city, event)] = world.events("ride-requests")
    assert city == "a"
    assert event == RideRequest("q", "r-1", make.now_ms, "opened", Place(10.0, 10.0), Place(10.1, 10.0), "q-1")


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"pickup": ...}, ["/pickup"]),
        ({"pickup": ..., "dropoff": None}, ["/pickup", "/dropoff"]),
        ({"status": "matched"}, ["/pickup", "/dropoff"]),
        ({"status": "cancelled", "dropoff": None}, ["/pickup"]),
        ({"status": "lost"}, ["/status"]),
        ({"pickup": {"lat": 50, "lon": 50}}, ["/pickup"]),
    ],
)
def test_places_stand_exactly_in_an_opened_request(world, make, change, at):
    assert pointers(world.post("/v1/ride-requests", make.request(**change))) == at


def test_a_rider_opens_and_cancels_its_own_and_no_more(world, make):
    closed = {"pickup": ..., "dropoff": ...}
    assert world.post("/v1/ride-requests", make.request(status="cancelled", **closed), token="rider:r-1").status_code == 202  # fmt: skip
    for status in ("matched", "expired"):
        body = make.request(status=status, **closed)
        assert world.post("/v1/ride-requests", body, token="rider:r-1").status_code == 403
        assert world.post("/v1/ride-requests", body).status_code == 202
    assert world.post("/v1/ride-requests", make.request(), token="rider:r-2").status_code == 403


def test_a_step_without_places_belongs_to_the_only_city_or_to_that_of_the_token(world, two_cities, make):
    body = make.request(status="matched", pickup=..., dropoff=...)
    assert world.post("/v1/ride-requests", body).status_code == 202
    assert pointers(two_cities.post("/v1/ride-requests", body)) == ["/status"]
    assert two_cities.post("/v1/ride-requests", body, token="service:s:b").status_code == 202
    assert [city for city, _ in two_cities.events("ride-requests")] == ["b"]


def test_a_token_of_one_city_sends_events_of_that_city_only(two_cities, make):
    body = {"pings": [make.ping(), make.ping(lat=20, lon=20)]}
    assert two_cities.post("/v1/driver-pings", body, token="service:s:a").status_code == 403
    assert two_cities.post("/v1/ride-requests", make.request(), token="rider:r-1:b").status_code == 403
    assert two_cities.post("/v1/trips", {"trips": [make.trip()]}, token="service:s:b").status_code == 403
    assert two_cities.post("/v1/weather", {"observations": [make.observation()]}, token="service:s:b").status_code == 403  # fmt: skip
    assert two_cities.log.rows == {}


def test_a_trip_with_only_what_is_required_and_one_with_everything_are_recorded(world, make):
    usd = {"amount_minor": 1480, "currency": "USD"}
    whole = make.trip(
        trip_id="t-2", rider_id="r-1", driver_id="d-1", quote_id="q-1", booking_id="b-1", ride_type="standard",
        booked_at=format_rfc3339(make.now_ms - 900_000), requested_at=format_rfc3339(make.now_ms - 900_000),
        distance_m=12_210, wait_s=180, surge_multiplier=1.25, base_fare=usd, total_fare=usd | {"amount_minor": 1850},
        price_source="model:surge-a:20261121003",
    )  # fmt: skip
    nulls = make.trip(trip_id="t-3", rider_id=None, base_fare=None, surge_multiplier=None, price_source=None)
    assert world.post("/v1/trips", {"trips": [make.trip(), whole, nulls]}).status_code == 202
    by_id = {event.trip_id: event for _, event in world.events("trips")}
    assert by_id["t-1"] == Trip("t-1", Place(10.0, 10.0), Place(10.1, 10.0), make.now_ms - 600_000, make.now_ms)
    assert (by_id["t-2"].base_fare_minor, by_id["t-2"].total_fare_minor, by_id["t-2"].currency) == (1480, 1850, "USD")
    assert by_id["t-2"].price_source == "model:surge-a:20261121003"
    assert by_id["t-3"].rider_id is None


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"ended_at": "2026-11-21T08:00:00Z"}, "/trips/0/ended_at"),
        ({"started_at": "2026-11-19T08:00:00Z"}, "/trips/0/ended_at"),
        ({"surge_multiplier": 0.5}, "/trips/0/surge_multiplier"),
        ({"distance_m": -1}, "/trips/0/distance_m"),
        ({"distance_m": 579_472_000_000}, "/trips/0/distance_m"),
        ({"distance_m": 12}, "/trips/0/distance_m"),
        ({"wait_s": 1.5}, "/trips/0/wait_s"),
        ({"base_fare": 14.8}, "/trips/0/base_fare"),
        ({"base_fare": {"amount_minor": -1, "currency": "USD"}}, "/trips/0/base_fare/amount_minor"),
        ({"base_fare": {"amount_minor": 1, "currency": "EUR"}}, "/trips/0/base_fare/currency"),
        ({"base_fare": {"amount_minor": 1, "currency": "USD"}, "total_fare": {"amount_minor": 1, "currency": "EUR"}}, "/trips/0/total_fare"),
        ({"pickup": {"lat": 0, "lon": 0}}, "/trips/0/pickup"),
        ({"trip_id": ...}, "/trips/0/trip_id"),
        ({"price_source": "x y"}, "/trips/0/price_source"),
    ],
)  # fmt: skip
def test_a_trip_that_cannot_be_is_refused_at_its_place(world, make, change, at):
    assert pointers(world.post("/v1/trips", {"trips": [make.trip(**change)]})) == [at]
    assert world.events("trips") == []


def test_weather_is_recorded_and_bounded(world, make):
    assert world.post("/v1/weather", {"observations": [make.observation()]}).status_code == 202
    assert world.events("weather") == [("a", WeatherObservation(make.now_ms, 10.0, 10.0, 12.5, 0.0, 0.5, 3.0))]
    bad = make.observation(temperature_c=61, rain_mm=-1, humidity=50, wind_ms=121)
    assert len(pointers(world.post("/v1/weather", {"observations": [bad]}))) == 4
    assert pointers(world.post("/v1/weather", {"observations": [make.observation(lat=50)]})) == ["/observations/0/lat"]


@pytest.mark.parametrize(
    ("path", "roles"),
    [
        ("/v1/driver-pings", {"driver", "service"}),
        ("/v1/ride-requests", {"rider", "service"}),
        ("/v1/trips", {"service"}),
        ("/v1/weather", {"service"}),
    ],
)
def test_each_route_is_open_to_its_roles_only(world, path, roles):
    for role in ("rider", "driver", "service", "operator"):
        assert world.post(path, b"[]", token=f"{role}:x").status_code == (422 if role in roles else 403)


def test_no_route_answers_without_a_token(world):
    for rule in world.app.url_map.iter_rules():
        for method in rule.methods - {"HEAD"}:
            answer = world.client.open(re.sub("<[^>]+>", "x", rule.rule), method=method)
            assert answer.status_code == 401, rule


@pytest.mark.parametrize(
    ("model", "shown"),
    [(Pings, examples.PINGS), (RideRequestStep, examples.RIDE_REQUESTS), (Trips, examples.TRIPS), (Weather, examples.WEATHER)],
)  # fmt: skip
def test_the_examples_shown_fit_their_schemas(model, shown):
    for example in shown.values():
        assert read_body(model, example)


times = st.integers(0, 7_258_118_399_999)


@settings(max_examples=50)
@given(st.lists(st.tuples(times, st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=20))
def test_what_a_ping_says_is_what_is_recorded(rows):
    body = {"pings": [{"driver_id": f"d-{i}", "t": format_rfc3339(t), "lat": lat, "lon": lon, "status": "offline"} for i, (t, lat, lon) in enumerate(rows)]}  # fmt: skip
    events = [ping.event() for ping in read_body(Pings, body).pings]
    assert events == [DriverPing(f"d-{i}", t, lat, lon, "offline") for i, (t, lat, lon) in enumerate(rows)]
