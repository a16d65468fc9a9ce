"""What callers send never becomes a label, and every quote is seen from the side of who waits for it."""

from __future__ import annotations

import dataclasses
import uuid

import pytest
from prometheus_client import REGISTRY

from tests.unit.services.pricing_api.conftest import TRIP
from wayfare.domain.city import CityClock


def series() -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for metric in REGISTRY.collect()
        if metric.name.startswith("wayfare_")
        for sample in metric.samples
    }


def strange(world) -> None:
    """One of each kind of request, with ids that no request before it had."""
    name = uuid.uuid4().hex
    world.quote()
    world.post("/v1/quotes", {**TRIP, "rider_id": name, "ride_type": name})
    world.post("/v1/quotes", {name: name}, **{"X-Request-Id": name})
    world.post("/v1/bookings", {"quote_token": name})
    world.get(f"/v1/bookings/b-{name}")
    world.get(f"/{name}/{name}?{name}={name}")
    world.put(f"/v1/cities/{name}/surge-cap", {"max_multiplier": 1.5})
    world.app.test_client().open("/v1/quotes", method=name[:7].upper())


def test_no_id_path_or_method_of_a_caller_adds_a_series(world):
    world.see(4, 2)
    strange(world)
    before = series()
    for _ in range(20):  # within what one caller may ask at once: an answer of 429 would be a series of its own
        strange(world)
    assert series() - before == set()


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_quote_tells_how_old_the_newest_event_behind_it_was_and_whether_anything_was_missing(world):
    city = world.cities[0].id
    world.see(4, 2)
    seen, degraded = (
        value("wayfare_quote_window_age_seconds_count", city=city),
        value("wayfare_quotes_degraded_total", city=city),
    )
    world.now += 1_400
    assert world.quote()["degraded"] == []
    assert value("wayfare_quote_window_age_seconds_count", city=city) == seen + 1
    assert value("wayfare_quotes_degraded_total", city=city) == degraded
    world.now += 100_000
    assert world.quote()["degraded"] != []
    assert value("wayfare_quotes_degraded_total", city=city) == degraded + 1


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_ages_of_the_window_are_in_wall_seconds_however_fast_the_city_is_played(world, speed):
    city = world.cities[0]
    world.cities[0] = dataclasses.replace(city, clock=CityClock(world.now, world.now, speed))
    world.see(4, 2)
    told = value("wayfare_quote_window_age_seconds_sum", city=city.id)
    world.now += 3_000
    world.copies.refresh()
    assert value("wayfare_window_age_seconds", city=city.id) == pytest.approx(3.0)
    assert world.quote()["lineage"]["window_age_s"] == pytest.approx(3.0 * speed)
    assert value("wayfare_quote_window_age_seconds_sum", city=city.id) - told == pytest.approx(3.0)
