"""The market conserves: a request ends once, a cab is in one state, and prices change only what they should."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayfare.domain.market import fleet
from wayfare.domain.market.market import REACH_M, Market
from wayfare.domain.market.offers import Offer, SeesConditions, Served, accepts
from wayfare.domain.market.riders import Request
from wayfare.domain.market.world import World
from wayfare.domain.streams.events import REQUEST_EXPIRES_MS
from wayfare.domain.times import HOUR_MS, MINUTE_MS, parse_rfc3339

START_MS = parse_rfc3339("2026-03-06T15:00:00Z")


class Fixed:
    """Everything costs the same multiple; bookings stand at once."""

    def __init__(self, multiplier: float) -> None:
        self.multiplier = multiplier

    def price(self, market: SeesConditions, request: Request, t_ms: int) -> Offer:
        return Offer(self.multiplier, 1000, round(1000 * self.multiplier), "fixed")

    def book(self, market: SeesConditions, request: Request, offer: Offer, t_ms: int) -> bool:
        return True


class Silent:
    """A pricing service that never answers of itself."""

    def price(self, market: SeesConditions, request: Request, t_ms: int) -> None:
        return None

    def book(self, market: SeesConditions, request: Request, offer: Offer, t_ms: int) -> bool:
        return False


class Notes:
    """Writes down all it is told."""

    def __init__(self) -> None:
        self.opened_at: dict[str, int] = {}
        self.ends: dict[str, list[tuple[int, str, str]]] = {}
        self.legs: dict[int, list[tuple[int, int, int, float, float, float, float]]] = {}
        self.trips: list[Served] = []
        self.off: list[Served] = []

    def leg(self, cab: int, state: int, t0: int, t1: int, x0: float, y0: float, x1: float, y1: float) -> None:
        self.legs.setdefault(cab, []).append((state, t0, t1, x0, y0, x1, y1))

    def opened(self, request: Request, t_ms: int) -> None:
        assert request.id not in self.opened_at
        self.opened_at[request.id] = t_ms

    def ended(self, request: Request, t_ms: int, status: str, why: str) -> None:
        self.ends.setdefault(request.id, []).append((t_ms, status, why))

    def trip(self, served: Served) -> None:
        self.trips.append(served)

    def called_off(self, served: Served, t_ms: int) -> None:
        self.off.append(served)

    def offline(self, cab: int, t_ms: int) -> None:
        pass


def run(world: World, multiplier: float, hours: int = 8) -> tuple[Market, Notes]:
    notes = Notes()
    market = Market(world, Fixed(multiplier), notes, START_MS)
    market.advance(START_MS + hours * HOUR_MS)
    market.fleet.finish(market.now_ms)
    return market, notes


@pytest.fixture(scope="module")
def plain(world: World) -> tuple[Market, Notes]:
    return run(world, 1.0)


@pytest.fixture(scope="module")
def dear(world: World) -> tuple[Market, Notes]:
    return run(world, 2.5)


def test_every_request_that_opened_ends_once_or_still_waits(plain: tuple[Market, Notes]) -> None:
    market, notes = plain
    assert len(notes.opened_at) > 500
    for request_id in notes.opened_at:
        assert len(notes.ends.get(request_id, [])) + (request_id in market.waiting) == 1
    assert set(notes.ends) <= set(notes.opened_at)


def test_nobody_waits_longer_than_a_request_lives(plain: tuple[Market, Notes]) -> None:
    market, notes = plain
    for request_id, ((t_ms, status, _),) in notes.ends.items():
        assert 0 <= t_ms - notes.opened_at[request_id] <= REQUEST_EXPIRES_MS
        assert status in ("matched", "cancelled", "expired")
    assert all(market.now_ms - waits.opened_ms <= REQUEST_EXPIRES_MS for waits in market.waiting.values())


def test_each_match_is_one_trip_one_change_of_mind_or_under_way(plain: tuple[Market, Notes]) -> None:
    market, notes = plain
    matched = {request_id for request_id, ((_, status, _),) in notes.ends.items() if status == "matched"}
    served = [ride.request.id for ride in (*notes.trips, *notes.off)]
    assert len(served) == len(set(served))
    busy = sum(state in (fleet.EN_ROUTE, fleet.ON_TRIP) for state in market.fleet.state)
    assert matched >= set(served)
    assert len(matched) - len(served) == busy


def test_a_cab_does_one_thing_after_another_without_a_gap_or_a_jump(plain: tuple[Market, Notes]) -> None:
    _, notes = plain
    allowed = {
        (fleet.AVAILABLE, fleet.AVAILABLE),
        (fleet.AVAILABLE, fleet.EN_ROUTE),
        (fleet.EN_ROUTE, fleet.ON_TRIP),
        (fleet.EN_ROUTE, fleet.AVAILABLE),
        (fleet.ON_TRIP, fleet.AVAILABLE),
    }
    for legs in notes.legs.values():
        for before, after in zip(legs, legs[1:], strict=False):
            assert before[2] <= after[1]
            if before[2] == after[1]:
                assert (before[0], after[0]) in allowed
                if after[0] != fleet.EN_ROUTE or before[0] == fleet.AVAILABLE:
                    assert math.hypot(after[3] - before[5], after[4] - before[6]) < 1.0
            else:
                assert before[0] == fleet.AVAILABLE or after[0] == fleet.AVAILABLE, "only a pause off line is a gap"


def test_trips_of_one_driver_do_not_overlap_and_times_are_in_order(plain: tuple[Market, Notes]) -> None:
    _, notes = plain
    by_cab: dict[int, list[Served]] = {}
    for ride in notes.trips:
        by_cab.setdefault(ride.cab, []).append(ride)
        assert ride.request.opened_ms <= ride.booked_ms <= ride.matched_ms < ride.started_ms < ride.ended_ms
    for rides in by_cab.values():
        rides.sort(key=lambda ride: ride.started_ms)
        for before, after in zip(rides, rides[1:], strict=False):
            assert before.ended_ms <= after.matched_ms


def test_cabs_pick_up_where_riders_are_and_come_from_within_reach(plain: tuple[Market, Notes]) -> None:
    _, notes = plain
    for legs in notes.legs.values():
        for state, _, _, x0, y0, x1, y1 in legs:
            if state == fleet.EN_ROUTE:
                assert math.hypot(x1 - x0, y1 - y0) <= REACH_M + 1.0


def test_the_price_changes_no_request_that_opens(plain: tuple[Market, Notes], dear: tuple[Market, Notes]) -> None:
    assert plain[1].opened_at == dear[1].opened_at


def test_who_declines_the_plain_price_declines_the_dear_one_and_many_more_do(
    plain: tuple[Market, Notes], dear: tuple[Market, Notes]
) -> None:
    declined = [
        {request_id for request_id, ends in notes.ends.items() if ends[0][2] == "declined"}
        for _, notes in (plain, dear)
    ]
    assert declined[0] < declined[1]
    assert len(declined[1]) > 2 * len(declined[0])


def test_cheaper_prices_serve_more_or_wait_longer(plain: tuple[Market, Notes], dear: tuple[Market, Notes]) -> None:
    assert len(plain[1].trips) > len(dear[1].trips)


@given(st.floats(1.0, 2.5), st.floats(1.0, 2.5))
def test_booking_grows_less_likely_as_prices_rise(world: World, a: float, b: float) -> None:
    request = world.riders.requests(START_MS // 600_000, 1)[0]
    low, high = sorted((a, b))
    assert accepts(request, low) >= accepts(request, high)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_the_size_of_the_steps_of_time_changes_nothing(world: World, steps: list[int]) -> None:
    at_once, stepped = Notes(), Notes()
    first = Market(world, Fixed(1.0), at_once, START_MS)
    second = Market(world, Fixed(1.0), stepped, START_MS)
    for minutes in steps:
        second.advance(second.now_ms + minutes * MINUTE_MS)
    first.advance(second.now_ms)
    assert at_once.ends == stepped.ends
    assert at_once.legs == stepped.legs


def test_a_rider_who_gets_no_price_leaves_and_one_whose_booking_fails_too(world: World) -> None:
    notes = Notes()
    market = Market(world, Silent(), notes, START_MS)
    market.advance(START_MS + HOUR_MS // 2)
    first, second, third = list(market.waiting)[:3]
    market.no_offer(first)
    market.no_offer(first)
    offer = Offer(1.0, 1000, 1000, "model:surge-sim:1", "q-1")
    market.offer(second, offer)
    market.not_booked(second)
    market.offer(third, offer)
    market.booked(third)
    assert notes.ends[first][0][1:] == ("cancelled", "no price")
    assert notes.ends[second][0][1:] == ("cancelled", "not booked")
    assert notes.ends[third][0][1] == "matched"
    market.advance(market.now_ms + HOUR_MS)
    assert all(len(ends) == 1 for ends in notes.ends.values())
    assert {ends[0][1] for key, ends in notes.ends.items() if key not in (first, second, third)} == {"expired"}
