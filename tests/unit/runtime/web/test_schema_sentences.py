from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from wayfare.runtime.web.problems import Refusal
from wayfare.runtime.web.schema import MAX_TROUBLES, pointer, read_body, read_query, shown
from wayfare.runtime.web.types import Id, Latitude, Longitude, Model, Money, Place, Time


class Inner(Model):
    lat: Latitude
    kind: Literal["office", "pub"] = "pub"


class Outer(Model):
    id: Id
    t: Time
    inner: Inner | None = None
    many: Annotated[list[Inner], Field(min_length=1, max_length=3)] = Field(default_factory=lambda: [Inner(lat=0)])
    count: int = 1
    flag: bool = False
    name: Annotated[str, Field(min_length=1, max_length=5)] = "x"
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5


GOOD = {"id": "a", "t": "2026-11-21T08:30:00Z"}


def troubles(value, model=Outer):
    with pytest.raises(Refusal) as caught:
        read_body(model, value)
    assert caught.value.status == 422
    return [tuple(trouble) for trouble in caught.value.errors]


@pytest.mark.parametrize(
    ("change", "at", "sentence"),
    [
        ({"inner": {"lat": 123.4}}, "/inner/lat", "must be between -90 and 90, got 123.4"),
        ({"inner": {"lat": True}}, "/inner/lat", "must be a number, got true"),
        ({"inner": {"lat": "1"}}, "/inner/lat", 'must be a number, got "1"'),
        ({"inner": {"lat": None}}, "/inner/lat", "must be a number, got null"),
        ({"inner": {}}, "/inner/lat", "is required, got nothing"),
        ({"inner": 3}, "/inner", "must be an object, got 3"),
        ({"inner": {"lat": 1, "kind": "bar"}}, "/inner/kind", 'must be one of office, pub, got "bar"'),
        ({"many": []}, "/many", "must have between 1 and 3 items, got 0"),
        ({"many": {}}, "/many", "must be a list, got {}"),
        ({"many": [{"lat": 1}, {"lat": -90.5}]}, "/many/1/lat", "must be between -90 and 90, got -90.5"),
        ({"count": 1.5}, "/count", "must be a whole number, got 1.5"),
        ({"count": "1"}, "/count", 'must be a whole number, got "1"'),
        ({"count": True}, "/count", "must be a whole number, got true"),
        ({"flag": 1}, "/flag", "must be true or false, got 1"),
        ({"name": "toolong"}, "/name", "must have between 1 and 5 characters, got 7"),
        ({"name": 5}, "/name", "must be text, got 5"),
        ({"share": 1}, "/share", "must be more than 0 and less than 1, got 1"),
        ({"id": "a b"}, "/id", 'must match ^[A-Za-z0-9._:-]{1,64}$, got "a b"'),
        ({"id": "a\n"}, "/id", 'must match ^[A-Za-z0-9._:-]{1,64}$, got "a\\n"'),
        ({"x/y~z": 1}, "/x~1y~0z", "is not a known field, got 1"),
        ({"t": 1}, "/t", "must be text in RFC 3339 ending in Z, like 2026-11-21T08:30:00Z, got 1"),
        ({"t": "3026-11-21T08:30:00Z"}, "/t", "must be in the years 1970 to 2199, got '3026-11-21T08:30:00Z'"),
    ],
)
def test_each_trouble_is_a_pointer_and_a_sentence_that_ends_with_the_value(change, at, sentence):
    assert troubles(GOOD | change) == [(at, sentence)]


@pytest.mark.parametrize(
    "text", ["2026-11-21T08:30:00+00:00", "2026-11-21 08:30:00Z", "2026-02-30T08:30:00Z", "2026-11-21T08:30Z", "", "Z"]
)
def test_a_time_that_is_not_rfc_3339_in_z_is_refused(text):
    assert [at for at, _ in troubles(GOOD | {"t": text})] == ["/t"]


def test_all_troubles_come_at_once():
    found = troubles({"id": "", "many": [{"lat": 91}, {"lat": "x", "more": 1}]})
    assert [at for at, _ in found] == ["/id", "/t", "/many/0/lat", "/many/1/lat", "/many/1/more"]


def test_a_body_that_is_no_object_is_refused_at_the_root():
    assert troubles([]) == [("", "must be an object, got []")]
    assert troubles(None) == [("", "must be an object, got null")]


def test_a_long_list_of_troubles_is_cut_with_a_note():
    found = troubles(GOOD | {f"f{i}": i for i in range(250)})
    assert len(found) == MAX_TROUBLES + 1
    assert found[-1] == ("", "more problems are not listed, got 250 in all")


def test_whole_numbers_are_taken_for_numbers():
    assert read_body(Place, {"lat": 1, "lon": 2}).domain() == (1.0, 2.0)


def test_money_is_whole_minor_units_of_a_currency():
    assert [at for at, _ in troubles({"amount_minor": 14.8, "currency": "usd"}, Money)] == [
        "/amount_minor",
        "/currency",
    ]


class Query(Model):
    lat: Latitude
    lon: Longitude
    limit: int | None = Field(None, ge=1, le=10)


def test_a_query_string_is_read_by_its_types():
    assert read_query(Query, {"lat": ["37.5"], "lon": ["-122"], "limit": ["3"]}) == Query(lat=37.5, lon=-122.0, limit=3)


@pytest.mark.parametrize(
    ("change", "at", "sentence"),
    [
        ({"lat": ["nan"]}, "/lat", 'must be a finite number, got "nan"'),
        ({"lat": ["inf"]}, "/lat", 'must be a finite number, got "inf"'),
        ({"lat": ["x"]}, "/lat", 'must be a number, got "x"'),
        ({"lat": ["1", "2"]}, "/lat", "must be given once, got 2 values"),
        ({"limit": ["2.5"]}, "/limit", 'must be a whole number, got "2.5"'),
        ({"limit": ["99"]}, "/limit", 'must be between 1 and 10, got "99"'),
        ({"zoom": ["1"]}, "/zoom", 'is not a known parameter, got "1"'),
    ],
)
def test_a_query_string_is_refused_like_a_body(change, at, sentence):
    with pytest.raises(Refusal) as caught:
        read_query(Query, {"lat": ["1"], "lon": ["2"]} | change)
    assert [tuple(trouble) for trouble in caught.value.errors] == [(at, sentence)]


@given(st.lists(st.text() | st.integers(0), max_size=5))
def test_a_pointer_leads_back_to_its_parts_when_they_are_short(parts):
    parts = [part[:60] if isinstance(part, str) else part for part in parts]
    text = pointer(parts)
    back = [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]
    assert back == [str(part) for part in parts]


@given(
    st.recursive(st.text() | st.floats() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_a_value_is_always_shown_short(value):
    assert len(shown(value)) <= 64
