"""The simulated city, alive: the market of `wayfare.domain.market` moved by the city's clock, its prices real quotes."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Protocol

from services.city_simulator import wire
from services.city_simulator.pacing import Asked
from services.city_simulator.quotes import Quote
from services.city_simulator.statistics import Statistics
from wayfare.domain.city import City, Place
from wayfare.domain.market import fleet
from wayfare.domain.market.drivers import driver_id
from wayfare.domain.market.history import RuleOracle, rider_id
from wayfare.domain.market.market import Market
from wayfare.domain.market.offers import Offer, SeesConditions, Served
from wayfare.domain.market.rhythm import SLOT_MS, SLOTS_PER_DAY
from wayfare.domain.market.riders import Request
from wayfare.domain.market.weather import weather_hours
from wayfare.domain.market.world import World
from wayfare.domain.times import HOUR_MS, format_rfc3339

TICK_MS = 1_000
LOOKS_OF_WEEKS = range(1, 9)
MOST_BEHIND_MS = 60_000
"""A city that fell further behind its clock (a suspended machine) skips the pings of the time it lost."""


class Prices(Protocol):
    """Where quotes and bookings come from; `told` may run on any thread."""

    def ask(self, pickup: Place, dropoff: Place, rider: str | None, told: Callable[[Quote | None], None]) -> None: ...

    def book(self, quote_token: str, told: Callable[[str | None], None]) -> None: ...


Put = Callable[[str, list[wire.Json]], None]


class LiveCity:
    """Acts as the apps of everyone in the city. One thread moves it (`move_to`); answers wait for that thread."""

    def __init__(
        self,
        world: World,
        prices: Prices,
        put: Put,
        statistics: Statistics,
        now_ms: int,
        warm_up_ms: int,
        ping_ticks: int,
    ) -> None:
        self._city: City = world.city
        self._world = world
        self._prices = prices
        self._put = put
        self._statistics = statistics
        self._ping_ticks = ping_ticks
        self._answers: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._tokens: dict[str, str] = {}
        self._quotes: dict[str, str | None] = {}
        self._bookings: dict[str, str] = {}
        self._started_ms = now_ms
        self._silent = True
        # First of all, and while the silent hours are simulated: prices without weather are degraded.
        self._weather_hour = now_ms // HOUR_MS - 1
        self._tell_weather(now_ms)
        hours = -(-warm_up_ms // HOUR_MS) + 2
        self.market = Market(world, RuleOracle(world, now_ms - warm_up_ms, hours), self, now_ms - warm_up_ms)
        self.market.advance(now_ms)
        self._go_live(now_ms)

    def _go_live(self, now_ms: int) -> None:
        self._silent = False
        self.market.oracle = self
        self._next_tick_ms = now_ms - now_ms % TICK_MS + TICK_MS
        # Before anything is asked.
        self._looks_of, self._looks = 0, self._world.riders.requests(now_ms // SLOT_MS - SLOTS_PER_DAY, SLOTS_PER_DAY)
        self._probe = _ends(self._looks[0])
        for waits in self.market.waiting.values():
            self._say_opened(waits.request, None)
        self._ping(now_ms, self.market.fleet.on_line())

    # -- time ---------------------------------------------------------------------------------------------------

    def move_to(self, now_ms: int) -> None:
        """Let the city's time pass up to `now_ms`: answers, events, pings, weather."""
        if now_ms - self._next_tick_ms > MOST_BEHIND_MS:
            self._statistics.skipped("ticks_behind_the_clock", (now_ms - self._next_tick_ms) // TICK_MS)
            self.market.advance(now_ms - TICK_MS)
            self._next_tick_ms = now_ms - now_ms % TICK_MS
        self.hear()
        while self._next_tick_ms <= now_ms:
            tick = self._next_tick_ms
            self.market.advance(tick)
            turn = tick // TICK_MS % self._ping_ticks
            self._ping(tick, [cab for cab in self.market.fleet.on_line() if cab % self._ping_ticks == turn])
            self._tell_weather(tick)
            self._next_tick_ms += TICK_MS
            self.hear()

    def hear(self) -> None:
        """What quotes and bookings were answered since."""
        while True:
            try:
                answer = self._answers.get_nowait()
            except queue.Empty:
                return
            answer()

    def cabs(self) -> int:
        """Cabs on line."""
        return len(self.market.fleet.on_line())

    def _ping(self, t_ms: int, cabs: list[int]) -> None:
        places, found = self._world.places, []
        for cab in cabs:
            lat, lon = places.degrees_of(*self.market.fleet.position(cab, t_ms))
            state = self.market.fleet.state[cab]
            drop = Place(*places.degrees_of(*self.market.fleet.drop_of(cab))) if state == fleet.ON_TRIP else None
            found.append(wire.ping(driver_id(cab), t_ms, lat, lon, fleet.STATUS[state], drop))
        self._put("driver-pings", found)

    def _tell_weather(self, t_ms: int) -> None:
        hour = t_ms // HOUR_MS
        if hour == self._weather_hour:
            return
        self._weather_hour = hour
        center = self._city.center
        seen = weather_hours(self._world.seed, center.lon, hour, 1)
        observation = wire.place(*center) | {
            "t": format_rfc3339(hour * HOUR_MS),
            "temperature_c": float(seen.temperature_c[0]),
            "rain_mm": float(seen.rain_mm[0]),
            "humidity": float(seen.humidity[0]),
            "wind_ms": float(seen.wind_ms[0]),
        }
        self._put("weather", [observation])

    def finished(self) -> bool:
        """A simulated city never ends."""
        return False

    def asked(self, number: int) -> Asked:
        """The ends of a wish of this time of the week some weeks ago, for a rider who only looks.

        Drawn apart from those who ask for cabs, and as they are: of an afternoon's places in the afternoon.
        """
        slot = self.market.now_ms // SLOT_MS
        if slot != self._looks_of:
            of_weeks = [self._world.riders.requests(slot - week * 7 * SLOTS_PER_DAY, 1) for week in LOOKS_OF_WEEKS]
            # In a slot in which nobody ever went anywhere the wishes of the one before are looked at again.
            self._looks_of, self._looks = slot, [one for looks in of_weeks for one in looks] or self._looks
        request = self._looks[number % len(self._looks)]
        return (*_ends(request), rider_id(request.rider))

    def probed(self) -> tuple[Place, Place]:
        """One trip's ends."""
        return self._probe

    # -- PriceOracle: prices are quotes ---------------------------------------------------------------------------

    def price(self, market: SeesConditions, request: Request, t_ms: int) -> Offer | None:
        """Ask pricing_api, as the rider's app does; the offer comes later."""

        def told(quote: Quote | None) -> None:
            self._answers.put(lambda: self._quoted(request, quote))

        self._prices.ask(*_ends(request), rider_id(request.rider), told)
        return None

    def _quoted(self, request: Request, quote: Quote | None) -> None:
        self._say_opened(request, quote.offer.quote_id if quote else None)
        if quote is None:
            self.market.no_offer(request.id)
            return
        self._tokens[request.id] = quote.token
        self._quotes[request.id] = quote.offer.quote_id
        self.market.offer(request.id, quote.offer)

    def book(self, market: SeesConditions, request: Request, offer: Offer, t_ms: int) -> bool:
        """Book the quote; the answer comes later. An offer of the silent time before needs none."""
        token = self._tokens.pop(request.id, None)
        if token is None:
            return True

        def told(booking_id: str | None) -> None:
            self._answers.put(lambda: self._booked(request, booking_id))

        self._prices.book(token, told)
        return False

    def _booked(self, request: Request, booking_id: str | None) -> None:
        if booking_id is None:
            self.market.not_booked(request.id)
            return
        self._bookings[request.id] = booking_id
        self.market.booked(request.id)

    # -- Watcher: what happens becomes events ---------------------------------------------------------------------

    def leg(self, cab: int, state: int, t0: int, t1: int, x0: float, y0: float, x1: float, y1: float) -> None:
        """Pings tell where cabs are."""

    def opened(self, request: Request, t_ms: int) -> None:
        """Told once its quote is known, which the event carries."""

    def _say_opened(self, request: Request, quote_id: str | None) -> None:
        step = wire.request_step(
            request.id, rider_id(request.rider), request.opened_ms, "opened", _ends(request), quote_id
        )
        self._put("ride-requests", [step])

    def ended(self, request: Request, t_ms: int, status: str, why: str) -> None:
        """Matched, cancelled or expired."""
        if self._silent:
            return
        booking = self._bookings.get(request.id)
        if status != "matched":
            self._bookings.pop(request.id, None)
        self._tokens.pop(request.id, None)
        quote_id = self._quotes.pop(request.id, None)
        self._statistics.outcome(f"request_{why or status}".replace(" ", "_"))
        step = wire.request_step(
            request.id, rider_id(request.rider), t_ms, status, quote_id=quote_id, booking_id=booking
        )
        self._put("ride-requests", [step])

    def trip(self, served: Served) -> None:
        """A trip has finished; those of requests opened before this process started belong to what was before."""
        booking = self._bookings.pop(served.request.id, None)
        if self._silent or served.request.opened_ms < self._started_ms:
            return
        body = wire.finished_trip(served, self._city.currency, self._city.ride_types[0], booking)
        self._put("trips", [body])

    def called_off(self, served: Served, t_ms: int) -> None:
        """The request has been matched, so nothing more is told of it."""
        self._bookings.pop(served.request.id, None)
        if not self._silent:
            self._statistics.outcome("ride_called_off")

    def offline(self, cab: int, t_ms: int) -> None:
        """The app's last ping of the shift."""
        if not self._silent:
            lat, lon = self._world.places.degrees_of(*self.market.fleet.position(cab, t_ms))
            self._put("driver-pings", [wire.ping(driver_id(cab), t_ms, lat, lon, "offline")])


def _ends(request: Request) -> tuple[Place, Place]:
    return Place(request.pickup_lat, request.pickup_lon), Place(request.dropoff_lat, request.dropoff_lon)
