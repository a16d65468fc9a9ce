"""Which city a place belongs to: many places at once are told as each alone is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import cities
from wayfare.domain.city import Place, Registry

SIM = cities.load("sim")
CORNERS = [(corner.lat, corner.lon) for corner in SIM.boundary]
BESIDE = dataclasses.replace(
    SIM, id="beside", boundary=(Place(37.9, -122.6), Place(37.9, -122.3), Place(37.82, -122.3))
)
OVER_IT = dataclasses.replace(
    SIM, id="over", boundary=tuple(Place(a, o) for a, o in ((37, -123), (37, -121), (38.5, -122)))
)

points = st.lists(
    st.tuples(st.floats(37.5, 37.95), st.floats(-122.65, -122.25)) | st.sampled_from(CORNERS), min_size=1, max_size=40
)


@given(points)
def test_many_points_are_held_exactly_when_each_is(found):
    lat, lon = np.array(found).T
    assert SIM.holds_each(lat, lon).tolist() == [SIM.holds(*point) for point in found]


@pytest.mark.parametrize("registered", [(SIM,), (SIM, BESIDE), (BESIDE, SIM), (OVER_IT, SIM), ()])
@given(points)
def test_the_city_of_each_of_many_places_is_that_of_each_alone(registered, found):
    registry = Registry(registered)
    alone = [next((city.id for city in registered if city.holds(*point)), None) for point in found]
    assert registry.ids_at(*zip(*found, strict=True)) == alone
    assert registry.ids_at(*zip(*found * 20, strict=True)) == alone * 20
