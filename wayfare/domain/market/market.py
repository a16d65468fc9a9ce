"""The market: an event-driven simulation in which riders see a price, book or leave, and cabs serve them.

Time moves by `advance(until_ms)`. A request opens when its rider looks at a price; the `PriceOracle` gives one at once
(the historical rule) or later (`offer`, a live quote). After looking for a while the rider books with probability

    P(book) = 1 / (1 + exp(-(keenness - sensitivity ln multiplier)))

a binary logit of riding against leaving (McFadden: Conditional logit analysis of qualitative choice behavior, in
Zarembka (ed.), Frontiers in Econometrics, 1974). The draw that decides is fixed with the request, so a dearer price
never makes a rider book who would not have booked a cheaper one. A booked request takes the nearest free cab within
`REACH_M`, else waits its turn; waiting ends by a match, by the rider's patience or, 15 minutes after opening, by
expiry. Drivers without a rider stay or drive to another place by a logit over places: more demand and surge lately,
less distance (spatial search of this kind is estimated by Buchholz: Spatial equilibrium, search frictions, and dynamic
efficiency in the taxi industry, Review of Economic Studies 89, 2022; the coefficients here are the model's own).
"""

from __future__ import annotations

import heapq
import math

import numpy as np

from wayfare.domain.features.inputs import RADIUS_M
from wayfare.domain.market import drivers, fleet, rhythm, roads
from wayfare.domain.market.draws import key_of, uniform_one
from wayfare.domain.market.offers import Offer, PriceOracle, Served, Waiting, Watcher, accepts
from wayfare.domain.market.pricing_rule import Conditions
from wayfare.domain.market.riders import Request
from wayfare.domain.market.world import World
from wayfare.domain.streams.events import REQUEST_EXPIRES_MS
from wayfare.domain.times import HOUR_MS, MINUTE_MS

REACH_M = 5_000.0
"""A cab farther away than this in a straight line is not sent."""
_CHUNK_SLOTS = 36
_RECENT_MINUTES = 10.0
_SEARCH_M = 2_000.0
_STAY_S = 240.0
_NEAR_EVENT_M = 1_500.0
_PATIENCE, _EXPIRY, _DECIDE, _PICKUP, _DROP, _CALLED_OFF, _LEG, _SHIFT = range(8)


class Market:
    """The state of the market at `now_ms`; starts with no cab on line, so give it an hour or two to fill."""

    def __init__(self, world: World, oracle: PriceOracle, watcher: Watcher, start_ms: int) -> None:
        self.world = world
        self.oracle = oracle
        self.watcher = watcher
        self.now_ms = start_ms
        self.fleet = fleet.Fleet(drivers.DRIVERS, watcher)
        self.waiting: dict[str, Waiting] = {}
        self._queue: dict[str, Waiting] = {}
        self._serving: dict[int, Served] = {}
        self._shift_end = [0] * drivers.DRIVERS
        self._place = [0] * drivers.DRIVERS
        self._searches = [0] * drivers.DRIVERS
        self._search_key = key_of(world.seed, "search")
        self._heap: list[tuple[int, int, int, object, int]] = []
        self._order = 0
        self._next_slot = start_ms // rhythm.SLOT_MS
        self._slot = -1
        self._arrivals: list[Request] = []
        self._arrival = 0
        count = len(world.places.kinds)
        self._recent = np.zeros(count)
        self._surge = np.ones(count)
        self._minute = start_ms // MINUTE_MS
        self._near = (world.places.distance_m <= RADIUS_M).astype(np.float64)
        arenas = world.places.of_kind("arena")
        self._arenas_near: list[list[int]] = [
            np.flatnonzero(away[arenas] < _NEAR_EVENT_M).tolist() for away in world.places.distance_m
        ]
        self._closeness = -world.places.distance_m / _SEARCH_M
        for shift in drivers.shifts(world.seed, world.places, start_ms - 14 * HOUR_MS, start_ms):
            if shift.end_ms > start_ms:
                self._come_on_line(shift, start_ms)

    # -- time ---------------------------------------------------------------------------------------------------

    def advance(self, until_ms: int) -> None:
        """Let everything happen that happens before `until_ms`."""
        while True:
            arrives = self._arrivals[self._arrival].opened_ms if self._arrival < len(self._arrivals) else until_ms
            happens = self._heap[0][0] if self._heap else until_ms
            t = min(arrives, happens, until_ms)
            if self._next_slot * rhythm.SLOT_MS <= t:
                self._load_chunk()
                continue
            if t >= until_ms:
                break
            self._pass_to(t)
            if arrives <= happens:
                self._arrival += 1
                self._open(self._arrivals[self._arrival - 1], t)
            else:
                _, _, what, whom, number = heapq.heappop(self._heap)
                self._happen(t, what, whom, number)
        self._pass_to(until_ms)

    def _load_chunk(self) -> None:
        """Draw the next hours of requests and shifts; those before the start are left out."""
        slots = min(_CHUNK_SLOTS, _CHUNK_SLOTS - self._next_slot % _CHUNK_SLOTS)
        first_ms, last_ms = self._next_slot * rhythm.SLOT_MS, (self._next_slot + slots) * rhythm.SLOT_MS
        drawn = self.world.riders.requests(self._next_slot, slots)
        self._arrivals = [request for request in drawn if request.opened_ms >= self.now_ms]
        self._arrival = 0
        for shift in drivers.shifts(self.world.seed, self.world.places, max(first_ms, self.now_ms), last_ms):
            self._at(shift.start_ms, _SHIFT, shift, 0)
        self._times, self._wet, _ = self.world.riders.means(self._next_slot, slots)
        self._events = rhythm.events(self.world.seed, self.world.places, self._times).around
        self._next_slot += slots

    def _pass_to(self, t: int) -> None:
        minute = t // MINUTE_MS
        if minute != self._minute:
            fade = math.exp(-(minute - self._minute) / _RECENT_MINUTES)
            self._recent *= fade
            self._surge = 1.0 + (self._surge - 1.0) * fade
            self._minute = minute
        if t // rhythm.SLOT_MS != self._slot and t // rhythm.SLOT_MS < self._next_slot:
            self._slot = t // rhythm.SLOT_MS
            self._turn_slot(self._slot - self._times.first_slot)
        self.now_ms = t

    def _turn_slot(self, row: int) -> None:
        """Every ten minutes: speeds, and where free drivers are drawn to."""
        self.hour, self.weekday = float(self._times.hour[row]), int(self._times.weekday[row])
        self.wet = float(self._wet[row])
        self._street_ms = float(roads.speed_ms(self.hour, self.weekday, self.wet))
        self._event_now = self._events[row].tolist()
        utility = np.log(self._recent + 0.15) + 1.5 * np.log(self._surge) + self._closeness
        pull = np.exp(utility - utility.max(axis=1, keepdims=True))
        self._drawn_to = np.cumsum(pull, axis=1) / pull.sum(axis=1, keepdims=True)

    def _at(self, t: int, what: int, whom: object, number: int) -> None:
        self._order += 1
        heapq.heappush(self._heap, (t, self._order, what, whom, number))

    def _happen(self, t: int, what: int, whom: object, number: int) -> None:
        if what in (_LEG, _PICKUP, _DROP, _CALLED_OFF):
            cab = whom
            assert isinstance(cab, int)
            if self.fleet.leg_number[cab] != number:
                return
            if what == _LEG:
                self._look_for_work(cab, t)
            elif what == _PICKUP:
                self._pick_up(cab, t)
            else:
                self._set_free(cab, t, served=what == _DROP)
        elif what == _SHIFT:
            assert isinstance(whom, drivers.Shift)
            self._come_on_line(whom, t)
        else:
            assert isinstance(whom, str)
            waits = self.waiting.get(whom)
            if waits is None:
                return
            if what == _DECIDE:
                self._decide(waits, t)
            elif what == _EXPIRY:
                self._end(waits, t, "expired", "nobody came in time")
            else:
                self._end(waits, t, "cancelled", "lost patience")

    # -- riders -------------------------------------------------------------------------------------------------

    def _open(self, request: Request, t: int) -> None:
        waits = Waiting(request, t)
        self.waiting[request.id] = waits
        self._recent[request.pickup_place] += 1.0
        self._at(t + REQUEST_EXPIRES_MS, _EXPIRY, request.id, 0)
        self.watcher.opened(request, t)
        offer = self.oracle.price(self, request, t)
        if offer is not None:
            self.offer(request.id, offer)

    def conditions(self, request: Request, t: int) -> Conditions:
        """What the historical rule looks at when it prices a request that has just opened."""
        x, y = request.x, request.y
        square = RADIUS_M * RADIUS_M
        near = 0
        for other in self.waiting.values():
            east, north = other.request.x - x, other.request.y - y
            near += east * east + north * north < square
        free, dropping = self.fleet.around(t, x, y, RADIUS_M)
        kind = self.world.places.kinds[request.pickup_place]
        return Conditions(
            waiting=near,
            recent=float(self._near[request.pickup_place] @ self._recent),
            available=free,
            dropping=dropping,
            wet=self.wet,
            event=self._event_near(request.pickup_place),
            hour=self.hour,
            weekday=self.weekday,
            kind=kind,
            t_ms=t,
            z=request.z_price,
        )

    def _event_near(self, place: int) -> float:
        return max((self._event_now[arena] for arena in self._arenas_near[place]), default=0.0)

    def offer(self, request_id: str, offer: Offer) -> None:
        """The price for an open request has come; the rider looks at it and decides."""
        waits = self.waiting.get(request_id)
        if waits is None or waits.offer is not None:
            return
        waits.offer = offer
        place = waits.request.pickup_place
        self._surge[place] += 0.3 * (offer.multiplier - self._surge[place])
        self._at(max(self.now_ms, waits.opened_ms + round(waits.request.look_s * 1000)), _DECIDE, request_id, 0)

    def no_offer(self, request_id: str) -> None:
        """No price could be had: the rider leaves."""
        waits = self.waiting.get(request_id)
        if waits is not None and waits.offer is None:
            self._end(waits, self.now_ms, "cancelled", "no price")

    def _decide(self, waits: Waiting, t: int) -> None:
        request, offer = waits.request, waits.offer
        assert offer is not None
        if request.u_accept >= accepts(request, offer.multiplier):
            self._end(waits, t, "cancelled", "declined")
        elif self.oracle.book(self, request, offer, t):
            self.booked(request.id)

    def booked(self, request_id: str) -> None:
        """The booking stands: a cab is looked for."""
        waits = self.waiting.get(request_id)
        if waits is None or waits.booked_ms is not None:
            return
        t, request = self.now_ms, waits.request
        waits.booked_ms = t
        cab, away = self.fleet.nearest(t, request.x, request.y)
        if away <= REACH_M:
            self._match(waits, cab, away, t)
        else:
            waits.queued = True
            self._queue[request_id] = waits
            self._at(t + round(request.patience_s * 1000), _PATIENCE, request_id, 0)

    def not_booked(self, request_id: str) -> None:
        """The booking failed: the rider leaves."""
        waits = self.waiting.get(request_id)
        if waits is not None and waits.booked_ms is None:
            self._end(waits, self.now_ms, "cancelled", "not booked")

    def _end(self, waits: Waiting, t: int, status: str, why: str) -> None:
        del self.waiting[waits.request.id]
        self._queue.pop(waits.request.id, None)
        self.watcher.ended(waits.request, t, status, why)

    # -- cabs ---------------------------------------------------------------------------------------------------

    def _match(self, waits: Waiting, cab: int, away: float, t: int) -> None:
        request, offer = waits.request, waits.offer
        assert offer is not None
        assert waits.booked_ms is not None
        self._end(waits, t, "matched", "")
        self._serving[cab] = Served(request, offer, cab, waits.booked_ms, t)
        drive_s = 20.0 + roads.travel_s(away * roads.DETOUR, self._street_ms)
        x, y = self.fleet.position(cab, t)
        arrives = t + round(drive_s * 1000)
        number = self.fleet.begin(cab, fleet.EN_ROUTE, t, arrives, x, y, request.x, request.y)
        change_of_mind = 0.02 + 0.10 * min(1.0, max(0.0, drive_s / 60.0 - 5.0) / 10.0)
        if request.u_cancel < change_of_mind:
            self._at(t + round((arrives - t) * request.u_cancel / change_of_mind), _CALLED_OFF, cab, number)
        else:
            self._at(arrives, _PICKUP, cab, number)

    def _pick_up(self, cab: int, t: int) -> None:
        served = self._serving[cab]
        request = served.request
        lasts = round((30.0 + roads.travel_s(request.road_m, self._street_ms) * request.route) * 1000)
        served.started_ms, served.ended_ms = t, t + lasts
        number = self.fleet.begin(
            cab, fleet.ON_TRIP, t, t + lasts, request.x, request.y, request.drop_x, request.drop_y
        )
        self._at(t + lasts, _DROP, cab, number)

    def _set_free(self, cab: int, t: int, served: bool) -> None:
        """After a drop, or when the rider called off on the way."""
        done = self._serving.pop(cab)
        if served:
            self._place[cab] = done.request.dropoff_place
            self.watcher.trip(done)
        else:
            self._place[cab] = done.request.pickup_place
            self.watcher.called_off(done, t)
        self._look_for_work(cab, t)

    def _come_on_line(self, shift: drivers.Shift, t: int) -> None:
        cab = shift.driver
        self._shift_end[cab] = max(self._shift_end[cab], shift.end_ms)
        if self.fleet.state[cab] != fleet.OFFLINE:
            return
        lat, lon = np.array([shift.lat]), np.array([shift.lon])
        x, y = self.world.places.to_plane(lat, lon)
        places = self.world.places
        self._place[cab] = int(np.hypot(places.x - x[0], places.y - y[0]).argmin())
        number = self.fleet.begin(cab, fleet.AVAILABLE, t, t, float(x[0]), float(y[0]), float(x[0]), float(y[0]))
        self._at(t, _LEG, cab, number)

    def _look_for_work(self, cab: int, t: int) -> None:
        """Serve the nearest request that waits; else go home at the end of the shift, stay, or drive where demand is."""
        x, y = self.fleet.position(cab, t)
        if self._queue:
            away, first = min(
                (math.hypot(waits.request.x - x, waits.request.y - y), key) for key, waits in self._queue.items()
            )
            if away <= REACH_M and t < self._shift_end[cab]:
                self.fleet.begin(cab, fleet.AVAILABLE, t, t, x, y, x, y)
                self._match(self._queue[first], cab, away, t)
                return
        if t >= self._shift_end[cab]:
            self.fleet.begin(cab, fleet.OFFLINE, t, t, x, y, x, y)
            self.watcher.offline(cab, t)
            return
        self._searches[cab] = step = self._searches[cab] + 1
        u = [uniform_one(self._search_key, cab, step * 4 + i) for i in range(4)]
        target = int(np.searchsorted(self._drawn_to[self._place[cab]], u[0])) if u[1] < 0.6 else self._place[cab]
        target = min(target, len(self.world.places.kinds) - 1)
        if target == self._place[cab]:
            until = t + round((30.0 - _STAY_S * math.log(u[2])) * 1000)
            number = self.fleet.begin(cab, fleet.AVAILABLE, t, until, x, y, x, y)
        else:
            self._place[cab] = target
            angle, radius = 2.0 * math.pi * u[2], float(self.world.places.radius_m[target]) * math.sqrt(u[3])
            x1 = float(self.world.places.x[target]) + radius * math.cos(angle)
            y1 = float(self.world.places.y[target]) + radius * math.sin(angle)
            road = float(roads.road_m(math.hypot(x1 - x, y1 - y)))
            until = t + round(roads.travel_s(road, self._street_ms) * 1000)
            number = self.fleet.begin(cab, fleet.AVAILABLE, t, until, x, y, x1, y1)
        self._at(until, _LEG, cab, number)
