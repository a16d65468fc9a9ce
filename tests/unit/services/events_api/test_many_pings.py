"""Pings that come by the hundred are read by whole columns: what is recorded and what is refused stays the same."""

import functools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.events_api.bodies import MOST, Pings
from services.events_api.routes import QUICK_FROM
from wayfare.adapters.json_pings import quick_body
from wayfare.domain.city import Place
from wayfare.domain.streams.events import PING_STATUSES, DriverPing
from wayfare.domain.streams.ping_batch import PingBatch
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.web.types import LATEST_MS

quick = functools.partial(quick_body, least=1, most=MOST, until_ms=LATEST_MS)


def judged(body):
    try:
        return [ping.event() for ping in Pings.model_validate(body).pings]
    except ValidationError:
        return None


def degrees(most):
    return st.floats(-most, most) | st.integers(-most, most)


places = st.fixed_dictionaries({"lat": degrees(90), "lon": degrees(180)})
usual = st.fixed_dictionaries(
    {
        "driver_id": st.from_regex(r"\A[A-Za-z0-9._:-]{1,64}\Z"),
        "t": st.integers(0, LATEST_MS - 1).map(format_rfc3339),
        "lat": degrees(90),
        "lon": degrees(180),
    }
).flatmap(
    lambda ping: (
        st.sampled_from(PING_STATUSES).map(lambda status: ping | {"status": status})
        | st.sampled_from(PING_STATUSES).map(lambda status: ping | {"status": status, "dropoff": None})
        | places.map(lambda drop: ping | {"status": "on_trip", "dropoff": drop})
    )
)
STRANGE = [
    None, True, 0, -1, 5.5, 91, 181, 10**400, "", "10", "d 1", "d-1\nd-2", "d-1\n", "é", "x" * 65, [], [1], {}, {"lat": 1},
    {"lat": 1, "lon": 2}, {"lat": 1, "lon": 2, "x": 3}, {"lat": 91, "lon": 2}, {"lat": True, "lon": 2}, "on_trip", "parked",
    "2026-11-21T08:30:00.1Z", "2026-11-21T08:30:00.123456Z", "2026-11-21T08:30:00+00:00", "2026-11-21 08:30:00Z",
    "2026-02-30T08:30:00Z", "2026-11-21T24:00:00Z", "2026-11-21T08:30:60Z", "0000-01-01T00:00:00Z", "1969-12-31T23:59:59Z",
    "2200-01-01T00:00:00Z", "2026-11-21T08:30:٠0Z", ...,
]  # fmt: skip
changes = st.tuples(
    st.integers(0, 5),
    st.sampled_from(["driver_id", "t", "lat", "lon", "status", "dropoff", "speed"]),
    st.sampled_from(STRANGE),
)


@given(st.lists(usual, min_size=1, max_size=6))
def test_usual_pings_are_read_at_once_as_they_would_be_one_by_one(pings):
    found = quick({"pings": pings})
    assert isinstance(found, PingBatch)
    assert list(found) == judged({"pings": pings})


@settings(max_examples=500)
@given(st.lists(usual, min_size=1, max_size=6), st.lists(changes, min_size=1, max_size=2))
def test_what_is_read_at_once_is_what_the_model_takes(pings, strange):
    for row, name, value in strange:
        ping = pings[row % len(pings)]
        if value is ...:
            ping.pop(name, None)
        else:
            ping[name] = value
    found = quick({"pings": pings})
    if found is not None:
        assert list(found) == judged({"pings": pings})


PING = {"driver_id": "d", "t": "2026-11-21T08:30:00Z", "lat": 1, "lon": 2, "status": "offline"}


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["pings", "x"]), inner)))  # fmt: skip
@example({"pings": [PING], "x": 1})
@example({"pings": [PING, 1]})
@example({"pings": {"driver_id": 1}})
@example({"pings": [[*PING]]})
@example({"pings": [dict.fromkeys(PING, [])]})
def test_what_is_no_list_of_pings_is_left_to_the_model(body):
    assert quick(body) is None


@pytest.mark.parametrize("field", ["driver_id", "t", "lat", "lon", "status", "dropoff"])
@pytest.mark.parametrize("value", [*STRANGE[:-1], "offline"])
@pytest.mark.parametrize("status", ["offline", "on_trip"])
def test_each_strange_value_is_judged_alike(field, value, status):
    body = {"pings": [PING, PING | {"driver_id": "e", "status": status} | {field: value}]}
    found = quick(body)
    assert found is None or list(found) == judged(body)


def many(make, *others, count=QUICK_FROM, **change):
    return {"pings": [make.ping(driver_id=f"d-{row}", **change) for row in range(count)] + list(others)}


@pytest.mark.parametrize("count", [QUICK_FROM - 1, QUICK_FROM, MOST])
def test_many_are_recorded_as_they_were(world, make, count):
    body = many(make, count=count, status="on_trip", dropoff={"lat": 1, "lon": 2})
    answer = world.post("/v1/driver-pings", body)
    assert answer.get_json() == {"accepted": count, "received_at": "2026-11-21T08:30:00Z"}
    drop = Place(1.0, 2.0)
    assert sorted(world.events("driver-pings"), key=lambda row: int(row[1].driver_id[2:])) == [
        ("a", DriverPing(f"d-{row}", make.now_ms, 10.0, 10.0, "on_trip", drop)) for row in range(count)
    ]


def test_many_of_several_cities_each_go_to_their_own(two_cities, make):
    others = [make.ping(driver_id="b-1", lat=20, lon=20), make.ping(driver_id="n-1", lat=-50)]
    assert two_cities.post("/v1/driver-pings", many(make, *others)).status_code == 202
    found = two_cities.events("driver-pings")
    assert {city: {event.driver_id for own, event in found if own == city} for city in ("b", "")} == {
        "b": {"b-1"},
        "": {"n-1"},
    }
    assert sum(city == "a" for city, _event in found) == QUICK_FROM


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"lat": 91}, "/pings/16/lat"),
        ({"t": "2026-11-21T08:35:00.001Z"}, "/pings/16/t"),
        ({"dropoff": {"lat": 1, "lon": 1}}, "/pings/16/dropoff"),
        ({"speed": 3}, "/pings/16/speed"),
    ],
)
def test_one_bad_ping_of_many_refuses_all_and_is_named(world, make, change, pointer):
    answer = world.post("/v1/driver-pings", many(make, make.ping(**change)))
    assert (answer.status_code, [error["pointer"] for error in answer.get_json(force=True)["errors"]]) == (
        422,
        [pointer],
    )
    assert world.events("driver-pings") == []


def test_many_of_somebody_else_or_of_another_city_are_forbidden(two_cities, make):
    own = {"pings": [make.ping()] * QUICK_FROM}
    other = {"pings": [*own["pings"], make.ping(driver_id="d-2")]}
    elsewhere = {"pings": [*own["pings"], make.ping(lat=20, lon=20)]}
    assert two_cities.post("/v1/driver-pings", other, token="driver:d-1").status_code == 403
    assert two_cities.post("/v1/driver-pings", elsewhere, token="driver:d-1:a").status_code == 403
    assert two_cities.log.rows == {}
    assert two_cities.post("/v1/driver-pings", own, token="driver:d-1:a").status_code == 202
