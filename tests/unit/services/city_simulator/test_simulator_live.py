"""The simulated city, alive: what its apps send adds up, whatever the prices."""

from __future__ import annotations

import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from services.city_simulator.live import LiveCity
from services.city_simulator.quotes import Quote
from services.city_simulator.statistics import Statistics
from services.events_api.bodies import FinishedTrip, Ping, RideRequestStep, Weather
from wayfare.domain.city import City, Place
from wayfare.domain.market.offers import Offer
from wayfare.domain.market.rhythm import SLOT_MS, SLOTS_PER_DAY
from wayfare.domain.market.world import World, world_of
from wayfare.domain.times import HOUR_MS, MINUTE_MS, parse_rfc3339

NOW_MS = parse_rfc3339("2026-03-07T01:30:00Z")


class Prices:
    """Answers at once: a quote at one multiple, or nothing."""

    def __init__(self, multiplier: float | None = 1.0, books: bool = True) -> None:
        self.multiplier = multiplier
        self.books = books

    def ask(self, pickup: Place, dropoff: Place, rider: str | None, told: Callable[[Quote | None], None]) -> None:
        if self.multiplier is None:
            told(None)
            return
        quote_id = f"q-{uuid.uuid4().hex}"
        total = round(1000 * self.multiplier)
        told(Quote(Offer(self.multiplier, 1000, total, "model:surge-sim:1", quote_id), quote_id, None, ()))

    def book(self, quote_token: str, told: Callable[[str | None], None]) -> None:
        told("b-" + quote_token[2:] if self.books else None)


class Sent:
    """What was handed to events_api, by topic."""

    def __init__(self) -> None:
        self.by_topic: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def __call__(self, topic: str, events: list[dict[str, Any]]) -> None:
        self.by_topic[topic].extend(events)


@pytest.fixture(scope="module")
def world(sim: City) -> World:
    return world_of(sim, 7, 3_600.0)


def play(world: World, prices: Prices, minutes: int = 40) -> tuple[LiveCity, Sent, Statistics]:
    sent, statistics = Sent(), Statistics()
    city = LiveCity(world, prices, sent, statistics, NOW_MS, HOUR_MS, ping_ticks=4)
    for second in range(0, minutes * 60, 2):
        city.move_to(NOW_MS + second * 1000)
    return city, sent, statistics


@pytest.fixture(scope="module")
def played(world: World) -> tuple[LiveCity, Sent, Statistics]:
    return play(world, Prices())


def test_everything_sent_is_what_events_api_takes(played: tuple[LiveCity, Sent, Statistics]) -> None:
    _, sent, _ = played
    for ping in sent.by_topic["driver-pings"][::50]:
        Ping.model_validate_json(_json(ping))
    for step in sent.by_topic["ride-requests"]:
        RideRequestStep.model_validate_json(_json(step))
    for trip in sent.by_topic["trips"]:
        FinishedTrip.model_validate_json(_json(trip))
    Weather.model_validate_json(_json({"observations": sent.by_topic["weather"]}))


def _json(value: Any) -> str:
    return json.dumps(value)


def test_the_city_is_at_work_from_the_first_moment(played: tuple[LiveCity, Sent, Statistics]) -> None:
    _, sent, _ = played
    first = sent.by_topic["driver-pings"][0]["t"]
    statuses = Counter(ping["status"] for ping in sent.by_topic["driver-pings"] if ping["t"] == first)
    assert statuses["available"] > 5
    assert statuses["on_trip"] > 5


def test_each_cab_pings_every_four_seconds_and_no_ping_is_sent_twice(
    played: tuple[LiveCity, Sent, Statistics],
) -> None:
    _, sent, _ = played
    pings = sent.by_topic["driver-pings"]
    keys = [(ping["driver_id"], ping["t"]) for ping in pings]
    assert len(set(keys)) == len(keys)
    driver, _count = Counter(ping["driver_id"] for ping in pings).most_common(1)[0]
    times = [parse_rfc3339(ping["t"]) for ping in pings if ping["driver_id"] == driver]
    gaps = Counter(b - a for a, b in zip(times, times[1:], strict=False))
    assert gaps[4_000] > 0.98 * sum(gaps.values())


def test_drop_offs_are_told_only_on_trips(played: tuple[LiveCity, Sent, Statistics]) -> None:
    _, sent, _ = played
    for ping in sent.by_topic["driver-pings"]:
        assert ("dropoff" in ping) == (ping["status"] == "on_trip")


def test_a_request_opens_once_ends_once_and_carries_its_quote_and_booking(
    played: tuple[LiveCity, Sent, Statistics],
) -> None:
    city, sent, _ = played
    steps: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for step in sent.by_topic["ride-requests"]:
        steps[step["request_id"]].append(step)
    assert len(steps) > 80
    for request_id, listed in steps.items():
        assert [step["status"] for step in listed][0] == "opened"
        assert len(listed) == 2 or request_id in city.market.waiting
        assert len(listed) <= 2
        if "quote_id" in listed[0] and listed[-1]["status"] == "matched":
            assert listed[1]["quote_id"] == listed[0]["quote_id"]
            assert listed[1]["booking_id"] == "b-" + listed[0]["quote_id"][2:]


def test_trips_carry_the_lineage_of_their_price_and_belong_to_requests_of_this_life(
    played: tuple[LiveCity, Sent, Statistics],
) -> None:
    _, sent, _ = played
    trips = sent.by_topic["trips"]
    matched = {step["request_id"] for step in sent.by_topic["ride-requests"] if step["status"] == "matched"}
    assert len(trips) > 20
    assert len({trip["trip_id"] for trip in trips}) == len(trips)
    for trip in trips:
        assert trip["trip_id"].removeprefix("t-") in matched
        assert trip["price_source"] == "model:surge-sim:1"
        assert trip["booking_id"] == "b-" + trip["quote_id"][2:]
        assert parse_rfc3339(trip["requested_at"]) >= NOW_MS


def test_weather_is_told_at_the_start_and_every_hour(played: tuple[LiveCity, Sent, Statistics]) -> None:
    _, sent, _ = played
    hours = [parse_rfc3339(row["t"]) for row in sent.by_topic["weather"]]
    assert hours == [NOW_MS // HOUR_MS * HOUR_MS, (NOW_MS // HOUR_MS + 1) * HOUR_MS]


def test_dear_quotes_are_declined_more(world: World, played: tuple[LiveCity, Sent, Statistics]) -> None:
    _, _, plain = played
    _, _, dear = play(world, Prices(2.5))
    few, many = (statistics.snapshot()["outcomes"]["request_declined"] for statistics in (plain, dear))
    assert many > 2 * few


def test_without_quotes_riders_leave_and_the_city_goes_on(world: World) -> None:
    city, sent, statistics = play(world, Prices(None), minutes=20)
    assert statistics.snapshot()["outcomes"]["request_no_price"] > 20
    assert sent.by_topic["trips"] == []
    assert city.cabs() > 20
    opened = [step for step in sent.by_topic["ride-requests"] if step["status"] == "opened"]
    assert all("quote_id" not in step for step in opened)


def test_a_booking_that_fails_cancels_its_request(world: World) -> None:
    _, sent, statistics = play(world, Prices(1.0, books=False), minutes=20)
    assert statistics.snapshot()["outcomes"]["request_not_booked"] > 20
    assert sent.by_topic["trips"] == []


def test_a_city_that_was_suspended_catches_up_without_a_flood_of_pings(world: World) -> None:
    sent, statistics = Sent(), Statistics()
    city = LiveCity(world, Prices(), sent, statistics, NOW_MS, HOUR_MS, ping_ticks=4)
    before = len(sent.by_topic["driver-pings"])
    city.move_to(NOW_MS + 30 * MINUTE_MS)
    assert len(sent.by_topic["driver-pings"]) - before < 400
    assert statistics.snapshot()["skipped"]["ticks_behind_the_clock"] > 1_700
    assert len(sent.by_topic["ride-requests"]) > 50


def test_looks_at_prices_are_of_this_time_of_the_week(played: tuple[LiveCity, Sent, Statistics], world: World) -> None:
    city, _, _ = played
    slot, week = city.market.now_ms // SLOT_MS, 7 * SLOTS_PER_DAY
    wished = {request.pickup_lat for weeks in range(1, 9) for request in world.riders.requests(slot - weeks * week, 1)}
    looks = [city.asked(number) for number in range(3 * len(wished))]
    assert {look[0].lat for look in looks} == wished
    assert all(look[2] for look in looks)
