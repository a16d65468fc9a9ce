"""Panes of legs are what ingest would have counted of pings: levels at each minute's end, by ingest's own rules."""

from __future__ import annotations

import numpy as np

from wayfare.domain.city import City
from wayfare.domain.geo.cells import distance_m
from wayfare.domain.market import fleet
from wayfare.domain.market.panes import Legs
from wayfare.domain.market.world import world_of
from wayfare.domain.streams.cabs import DROP_OFF_M
from wayfare.domain.streams.panes import PANE_MS


def test_a_cab_is_about_to_drop_off_when_ingest_would_say_so_and_not_when_only_the_future_tells(sim: City) -> None:
    draw, places = np.random.default_rng(1), world_of(sim, 7, 3_600.0).places
    legs, expected, doubtful = Legs(), np.zeros(200, int), np.zeros(200, int)
    for _ in range(300):
        t0 = int(draw.integers(0, 120 * PANE_MS))
        # Slow and fast trips: five minutes before a slow one's end ingest cannot know it.
        t1 = t0 + int(draw.integers(1, 45 * PANE_MS))
        x0, y0, x1, y1 = draw.uniform(-6_000, 6_000, 4).tolist()
        legs.add(fleet.ON_TRIP, t0, t1, x0, y0, x1, y1)
        drop = places.degrees_of(x1, y1)
        for pane in range(t0 // PANE_MS, t1 // PANE_MS):
            part = ((pane + 1) * PANE_MS - t0) / (t1 - t0)
            at = places.degrees_of(x0 + part * (x1 - x0), y0 + part * (y1 - y0))
            left = float(distance_m(*at, *drop))
            expected[pane] += left <= DROP_OFF_M
            # The plane of the simulation and the sphere differ by some metres.
            doubtful[pane] += abs(left - DROP_OFF_M) < 15
    _available, dropping, _started = legs.levels(places, 0, 200)
    told = np.array([int(dropping.row(pane)[1].sum()) for pane in range(200)])
    assert (np.abs(told - expected) <= doubtful).all()
    assert doubtful.sum() < 0.05 * expected.sum()
