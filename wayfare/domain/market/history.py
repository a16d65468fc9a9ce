"""The history of the simulated city: weeks of trips under the historical pricing rule, with their panes and weather."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wayfare.domain.city import City
from wayfare.domain.geo.cells import cells_of
from wayfare.domain.market import panes as pane_counts
from wayfare.domain.market.drivers import driver_id
from wayfare.domain.market.market import Market
from wayfare.domain.market.offers import Offer, SeesConditions, Served
from wayfare.domain.market.panes import PaneColumns
from wayfare.domain.market.pricing_rule import HistoricalRule
from wayfare.domain.market.riders import Request
from wayfare.domain.market.weather import weather_hours
from wayfare.domain.market.world import World, world_of
from wayfare.domain.pricing.fare import base_fare_minor, price_minor
from wayfare.domain.streams.panes import PANE_MS
from wayfare.domain.times import DAY_MS, HOUR_MS

WARM_UP_MS = 3 * HOUR_MS
"""Simulated before a recording begins, so that it begins with cabs at work."""


def rider_id(rider: int) -> str:
    """The id of a rider in events and trips."""
    return f"r-{rider:05d}"


class RuleOracle:
    """Prices by the historical rule; every booking stands at once."""

    def __init__(self, world: World, first_ms: int, hours: int) -> None:
        self._rule = HistoricalRule(world.seed, first_ms, hours)
        self._tariff = world.city.tariff

    def price(self, market: SeesConditions, request: Request, t_ms: int) -> Offer:
        """The rule's multiplier on the tariff's fare for the estimated distance and duration."""
        base = base_fare_minor(self._tariff, round(request.road_m), round(request.estimate_s))
        multiplier = self._rule.multiplier(market.conditions(request, t_ms))
        return Offer(multiplier, base, price_minor(base, multiplier), "rule")

    def book(self, market: SeesConditions, request: Request, offer: Offer, t_ms: int) -> bool:
        """Always at once."""
        return True


class Recorder:
    """Keeps what the market tells as columns."""

    def __init__(self) -> None:
        self.served: list[Served] = []
        self.legs = pane_counts.Legs()
        self.ends = {"matched": 0, "cancelled": 0, "expired": 0}
        self.reasons: dict[str, int] = {}
        self.opened_ms, self.ended_ms = array("q"), array("q")
        self.lat, self.lon = array("d"), array("d")

    def leg(self, cab: int, state: int, t0: int, t1: int, x0: float, y0: float, x1: float, y1: float) -> None:
        """A leg has ended."""
        self.legs.add(state, t0, t1, x0, y0, x1, y1)

    def opened(self, request: Request, t_ms: int) -> None:
        """Recorded when it ends."""

    def ended(self, request: Request, t_ms: int, status: str, why: str) -> None:
        """A request has ended."""
        self.ends[status] += 1
        self.reasons[why or status] = self.reasons.get(why or status, 0) + 1
        self._waited(request, t_ms)

    def _waited(self, request: Request, until_ms: int) -> None:
        self.opened_ms.append(request.opened_ms)
        self.ended_ms.append(until_ms)
        self.lat.append(request.pickup_lat)
        self.lon.append(request.pickup_lon)

    def trip(self, served: Served) -> None:
        """A trip has finished."""
        self.served.append(served)

    def called_off(self, served: Served, t_ms: int) -> None:
        """No trip comes of it."""

    def offline(self, cab: int, t_ms: int) -> None:
        """Shows in the legs."""

    def finish(self, market: Market) -> None:
        """Take down what is under way when the recording ends."""
        market.fleet.finish(market.now_ms)
        for waits in market.waiting.values():
            self._waited(waits.request, market.now_ms)


@dataclass(frozen=True)
class History:
    """Weeks of a market as columns.

    trips, weather: one list or array per column, named and typed as the tables of the lake (the trips' and weather's
    schema). panes: by gauge; every pane of the time is there. place_kinds: level-16 cell to kind.
    """

    trips: Mapping[str, Any]
    panes: Mapping[str, PaneColumns]
    weather: Mapping[str, Any]
    place_kinds: Mapping[int, str]
    start_ms: int
    end_ms: int
    requests_by_end: Mapping[str, int]

    def fingerprint(self) -> str:
        """SHA-256 over every value: equal for two runs that are equal bit for bit."""
        digest = hashlib.sha256()
        for table in (self.trips, self.weather):
            for name, column in table.items():
                digest.update(name.encode())
                if isinstance(column, np.ndarray):
                    digest.update(np.ascontiguousarray(column).tobytes())
                else:
                    digest.update("\n".join(map(str, column)).encode())
        for gauge, part in self.panes.items():
            digest.update(gauge.encode())
            for values in (part.panes, part.offsets, part.cells, part.counts):
                digest.update(values.tobytes())
        digest.update(repr(sorted(self.place_kinds.items())).encode())
        return digest.hexdigest()


def generate_history(
    city: City,
    seed: int,
    end_ms: int,
    days: int = 56,
    trips: int = 200_000,
    progress: Callable[[float], None] | None = None,
) -> History:
    """The `days` days before `end_ms` (cut to a whole minute), with about `trips` trips finished in them.

    progress: called with the part done, 0 to 1, about once per simulated six hours. Memory: about 1 GiB at the default
    size. Deterministic: the same arguments give the same values bit for bit.
    """
    end_ms -= end_ms % PANE_MS
    start_ms = end_ms - days * DAY_MS
    world = world_of(city, seed, trips / days)
    recorder = Recorder()
    begin_ms = start_ms - WARM_UP_MS
    oracle = RuleOracle(world, begin_ms, (end_ms - begin_ms) // HOUR_MS + 1)
    market = Market(world, oracle, recorder, begin_ms)
    while market.now_ms < end_ms:
        market.advance(min(market.now_ms + 6 * HOUR_MS, end_ms))
        if progress:
            progress(0.95 * (market.now_ms - begin_ms) / (end_ms - begin_ms))
    recorder.finish(market)
    history = History(
        trips=_trips(city, [served for served in recorder.served if served.started_ms >= start_ms]),
        panes=_panes(world, recorder, start_ms, end_ms),
        weather=_weather(world, start_ms, end_ms),
        place_kinds=world.places.place_kinds(),
        start_ms=start_ms,
        end_ms=end_ms,
        requests_by_end=dict(recorder.ends),
    )
    if progress:
        progress(1.0)
    return history


def _trips(city: City, served: list[Served]) -> dict[str, Any]:
    n = len(served)
    requests = [one.request for one in served]

    def real(values: list[float]) -> Any:
        return np.array(values, np.float64)

    def whole(values: list[int]) -> Any:
        return np.array(values, np.int64)

    return {
        "trip_id": [f"t-{request.id}" for request in requests],
        "pickup_lat": real([request.pickup_lat for request in requests]),
        "pickup_lon": real([request.pickup_lon for request in requests]),
        "dropoff_lat": real([request.dropoff_lat for request in requests]),
        "dropoff_lon": real([request.dropoff_lon for request in requests]),
        "started_at_ms": whole([one.started_ms for one in served]),
        "ended_at_ms": whole([one.ended_ms for one in served]),
        "rider_id": [rider_id(request.rider) for request in requests],
        "driver_id": [driver_id(one.cab) for one in served],
        "quote_id": [None] * n,
        "booking_id": [None] * n,
        "booked_at_ms": whole([one.booked_ms for one in served]),
        "requested_at_ms": whole([request.opened_ms for request in requests]),
        "distance_m": whole([round(request.road_m) for request in requests]),
        "wait_s": whole([round((one.started_ms - one.booked_ms) / 1000) for one in served]),
        "ride_type": [city.ride_types[0]] * n,
        "surge_multiplier": real([one.offer.multiplier for one in served]),
        "base_fare_minor": whole([one.offer.base_fare_minor for one in served]),
        "total_fare_minor": whole([one.offer.total_fare_minor for one in served]),
        "currency": [city.currency] * n,
        "price_source": ["rule"] * n,
    }


def _panes(world: World, recorder: Recorder, start_ms: int, end_ms: int) -> dict[str, PaneColumns]:
    first, number = start_ms // PANE_MS, (end_ms - start_ms) // PANE_MS
    available, dropping, started = recorder.legs.levels(world.places, first, number)
    cells = cells_of(np.frombuffer(recorder.lat), np.frombuffer(recorder.lon))
    opened_ms, ended_ms = (np.frombuffer(column, np.int64) for column in (recorder.opened_ms, recorder.ended_ms))
    waits, opened = pane_counts.waiting(first, number, opened_ms, ended_ms, cells)
    return {
        "cabs_available": available,
        "cabs_dropping_off": dropping,
        "requests_waiting": waits,
        "requests_opened": opened,
        "trips_started": started,
    }


def _weather(world: World, start_ms: int, end_ms: int) -> dict[str, Any]:
    first = start_ms // HOUR_MS
    hours = -(-end_ms // HOUR_MS) - first
    seen = weather_hours(world.seed, world.city.center.lon, first, hours)
    return {
        "t_ms": (np.arange(first, first + hours) * HOUR_MS).astype(np.int64),
        "lat": np.full(hours, world.city.center.lat),
        "lon": np.full(hours, world.city.center.lon),
        "temperature_c": seen.temperature_c,
        "rain_mm": seen.rain_mm,
        "humidity": seen.humidity,
        "wind_ms": seen.wind_ms,
    }
