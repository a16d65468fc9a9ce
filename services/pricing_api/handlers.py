"""What each route of pricing_api does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from services.pricing_api import answers
from services.pricing_api.bodies import BookingRequest, Box, CapRequest, Here, QuoteRequest
from services.pricing_api.copies import Copies
from wayfare.domain.city import City, Place, Registry
from wayfare.domain.errors import InvalidInput, OutOfCity, Unavailable, WayfareError
from wayfare.domain.geo.cells import cell_of_point, center
from wayfare.domain.ids import quote_id_of
from wayfare.domain.pricing.booking import Booker
from wayfare.domain.pricing.caps import CapStore, SurgeCap, check_cap, in_force, limit
from wayfare.domain.pricing.ledger import BOOKED, Ledger
from wayfare.domain.pricing.pricer import Pricer, median_trip, moment
from wayfare.domain.pricing.quote import QuoteAsk
from wayfare.domain.pricing.quoting import Quoter
from wayfare.domain.pricing.surge_map import SurgeMap, features, overlaps, parse_box
from wayfare.domain.times import format_rfc3339
from wayfare.runtime import logs
from wayfare.runtime.metrics import (
    BOOKINGS,
    DEGRADATIONS,
    MULTIPLIERS,
    QUOTE_WINDOW_AGE,
    QUOTES,
    QUOTES_DEGRADED,
)
from wayfare.runtime.web.problems import Refusal, Trouble, at, forbidden, invalid
from wayfare.runtime.web.routes import Answer, Call

OLD_MAP_S = 5.0
"""A map older than this says so: it is computed several times a second."""
GEO_JSON = "application/geo+json"


@dataclass(frozen=True)
class Handlers:
    """Every handler, over the parts of one process."""

    registry: Callable[[], Registry]
    copies: Copies
    quoter: Quoter
    pricer: Pricer
    booker: Booker
    ledger: Ledger
    caps: CapStore
    wall_ms: Callable[[], int]
    predict_s: float
    tick_s: float

    def quote(self, call: Call) -> Answer:
        """POST /v1/quotes."""
        ask = self._ask(call)
        with at("/departure_time"):
            quote = self.quoter.quote(ask, self.copies.of(ask.city))
        QUOTES.labels(ask.city.id, quote.locked.price_source).inc()
        MULTIPLIERS.labels(ask.city.id, str(quote.locked.multiplier)).inc()
        if quote.window_age_s is not None:
            QUOTE_WINDOW_AGE.labels(ask.city.id).observe(quote.window_age_s / ask.city.clock.speed)
        if quote.degraded:
            QUOTES_DEGRADED.labels(ask.city.id).inc()
        for what in quote.degraded:
            DEGRADATIONS.labels(what.partition(":")[0]).inc()
        return Answer(201, answers.quote_answer(quote))

    def _ask(self, call: Call) -> QuoteAsk:
        body: QuoteRequest = call.body
        call.own("rider", body.rider_id, "quotes, as")
        try:
            city = self.registry().at(body.pickup.lat, body.pickup.lon)
        except OutOfCity as error:
            raise invalid([Trouble("/pickup", str(error))]) from error
        call.in_city(city.id)
        troubles = []
        if not city.holds(body.dropoff.lat, body.dropoff.lon):
            where = f"{body.dropoff.lat},{body.dropoff.lon}"
            troubles.append(Trouble("/dropoff", f"must lie in the pickup's city {city.id}, got {where}"))
        ride_type = body.ride_type or city.ride_types[0]
        if ride_type not in city.ride_types:
            known = ", ".join(city.ride_types)
            troubles.append(Trouble("/ride_type", f"must be one of {known} in {city.id}, got {ride_type!r}"))
        if troubles:
            raise invalid(troubles)
        rider = call.caller.subject if call.caller.role == "rider" else body.rider_id
        return QuoteAsk(city, body.pickup.domain(), body.dropoff.domain(), ride_type, rider, body.departure_time)

    def book(self, call: Call) -> Answer:
        """POST /v1/bookings."""
        body: BookingRequest = call.body
        rider = call.caller.subject if call.caller.role == "rider" else None
        try:
            quote = self.booker.lock.open(body.quote_token, self.wall_ms())
            call.in_city(quote.city)
            answer = self.booker.book(body.quote_token, rider, f"{call.request_id}-{self.quoter.unique()}")
        except WayfareError as error:
            BOOKINGS.labels(type(error).__name__).inc()
            raise
        BOOKINGS.labels(BOOKED).inc()
        return Answer(201, answer)

    def booking(self, call: Call) -> Answer:
        """GET /v1/bookings/{id}."""
        booking_id = call.path["id"]
        missing = Refusal(404, f"there is no such booking, got {booking_id!r}")
        try:
            quote_id = quote_id_of(booking_id)
        except InvalidInput as error:
            raise missing from error
        row = self.ledger.read(quote_id, call.deadline.remaining())
        if row is None or row.outcome != BOOKED:
            raise missing
        call.in_city(row.city)
        if call.caller.role == "rider" and row.rider_id != call.caller.subject:
            raise forbidden(f"a rider may read only their own bookings, got {booking_id}")
        return Answer(200, row.answer)

    def surge(self, call: Call) -> Answer:
        """GET /v1/surge."""
        here: Here = call.query
        with at("/lat"):
            city = self.registry().at(here.lat, here.lon)
        call.in_city(city.id)
        live = self.copies.of(city)
        model = live.model
        if model is None:
            raise Unavailable(f"no verified model of this city is known yet, got {city.id}")
        now = moment(city, self.wall_ms())
        trip = median_trip(city, live, Place(*center(cell_of_point(here.lat, here.lon))))
        pricing = self.pricer.price(city, live, model, trip, now, False, call.deadline.remaining(self.predict_s))
        until = live.window.newest_received_at_ms
        age_s = None if until is None else max(0, now.city_ms - until) / 1000
        return Answer(200, answers.surge_here(city, model, pricing, until, age_s))

    def surge_map(self, call: Call) -> Answer:
        """GET /v1/surge/map."""
        query: Box = call.query
        with at("/bbox"):
            box = None if query.bbox is None else parse_box(query.bbox)
        cities = [
            city
            for city in self.registry()
            if call.caller.city in (None, city.id) and (box is None or overlaps(box, city.bbox()))
        ]
        maps = [found for city in cities if (found := self.copies.of(city).surge_map) is not None]
        if cities and not maps:
            raise Unavailable("no surge map was computed yet")
        age_s = max((self.wall_ms() - found.computed_at_ms for found in maps), default=0) / 1000
        old = [f"surge_map: computed {age_s:.0f} s ago"] if age_s > OLD_MAP_S else []
        tag = _tag(maps, query.bbox, old)
        headers = {
            "ETag": tag,
            "Cache-Control": f"private, max-age={max(1, round(self.tick_s))}",
            "Age": str(max(0, round(age_s))),
        }
        if tag in [given.strip() for given in call.headers.get("If-None-Match", "").split(",")]:
            return Answer(304, None, headers)
        body = {
            "type": "FeatureCollection",
            "features": features(maps, box),
            "computed_at": {found.city: format_rfc3339(found.computed_at_ms) for found in maps},
            "window_until": {
                found.city: None if found.window_until_ms is None else format_rfc3339(found.window_until_ms)
                for found in maps
            },
            "degraded": [*old, *(what for found in maps for what in found.degraded)],
        }
        return Answer(200, orjson.dumps(body), headers, GEO_JSON)

    def cities(self, call: Call) -> Answer:
        """GET /v1/cities."""
        now = self.wall_ms()
        registry = [city for city in self.registry() if call.caller.city in (None, city.id)]
        limits = {city.id: limit(city, in_force(self.copies.of(city).caps, now)) for city in registry}
        return Answer(200, answers.cities(registry, limits, now))

    def cap(self, call: Call) -> Answer:
        """PUT /v1/cities/{id}/surge-cap."""
        body: CapRequest = call.body
        city = self._city(call.path["id"])
        call.in_city(city.id)
        cap = SurgeCap(city.id, self.wall_ms(), body.max_multiplier, body.until, body.reason, call.caller.subject)
        with at("/until"):
            check_cap(cap)
        recorded = self.caps.record(cap)
        logs.logger().info(
            "surge cap set",
            city=recorded.city,
            max_multiplier=recorded.max_multiplier,
            until=format_rfc3339(recorded.until_ms),
            reason=recorded.reason,
            operator=recorded.operator,
        )
        self.copies.take_cap(recorded)
        return Answer(200, answers.cap_answer(recorded))

    def _city(self, city_id: str) -> City:
        try:
            return self.registry().get(city_id)
        except InvalidInput as error:
            raise Refusal(404, str(error)) from error


def _tag(maps: list[SurgeMap], bbox: str | None, old: list[str]) -> str:
    """Weak, because `computed_at` moves on while what is shown stays the same."""
    shown = "|".join([*(found.content for found in maps), bbox or "", *old])
    return f'W/"{hashlib.sha256(shown.encode()).hexdigest()[:20]}"'
