"""The simulated city for tests: three days of it, made once."""

from __future__ import annotations

import pytest

from local.cities import load
from wayfare.domain.city import City
from wayfare.domain.market.history import History, generate_history
from wayfare.domain.market.world import World, world_of
from wayfare.domain.times import parse_rfc3339

END_MS = parse_rfc3339("2026-03-07T01:30:00Z")


@pytest.fixture(scope="session")
def sim() -> City:
    return load("sim")


@pytest.fixture(scope="session")
def world(sim: City) -> World:
    return world_of(sim, seed=7, trips_per_day=3_600)


@pytest.fixture(scope="session")
def three_days(sim: City) -> History:
    return generate_history(sim, seed=7, end_ms=END_MS, days=3, trips=10_800)
