"""The routes of events_api."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from services.events_api.bodies import MOST, Accepted, FinishedTrip, Observation, Pings, RideRequestStep, Trips, Weather
from services.events_api.examples import PINGS, RIDE_REQUESTS, TRIPS, WEATHER
from services.events_api.record import Events, Recorder
from wayfare.adapters.json_pings import quick_body
from wayfare.domain.city import City, Registry
from wayfare.domain.streams.events import NO_CITY, DriverPing
from wayfare.domain.streams.ping_batch import PingBatch
from wayfare.domain.streams.receiving import city_at
from wayfare.runtime.web.problems import Trouble, forbidden, invalid
from wayfare.runtime.web.routes import Answer, Call, Route
from wayfare.runtime.web.types import LATEST_MS, Place

RIDER_STATUSES = ("opened", "cancelled")
TRIP_TIMES = ("started_at", "ended_at", "booked_at", "requested_at")
QUICK_FROM = 16
"""From so many pings of one request on reading them by columns is faster."""


def routes(recorder: Recorder) -> list[Route]:
    """Every route of this service, over one recorder."""
    own = _Handlers(recorder)
    return [
        Route(
            method="POST",
            path="/v1/driver-pings",
            handler=own.driver_pings,
            roles=frozenset({"driver", "service"}),
            summary="Record where cabs are",
            description="A ping outside every city is recorded and counted as out-of-city.",
            body=Pings,
            quick_body=functools.partial(quick_body, least=QUICK_FROM, most=MOST, until_ms=LATEST_MS),
            answers={202: Accepted},
            examples=PINGS,
        ),
        Route(
            method="POST",
            path="/v1/ride-requests",
            handler=own.ride_requests,
            roles=frozenset({"rider", "service"}),
            summary="Record one step in the life of a ride request",
            description=(
                "Riders send `opened` and `cancelled` of their own. A step without places belongs to the only city "
                "there is, else to the token's city."
            ),
            body=RideRequestStep,
            answers={202: Accepted},
            examples=RIDE_REQUESTS,
        ),
        Route(
            method="POST",
            path="/v1/trips",
            handler=own.trips,
            roles=frozenset({"service"}),
            summary="Record finished trips",
            body=Trips,
            answers={202: Accepted},
            examples=TRIPS,
        ),
        Route(
            method="POST",
            path="/v1/weather",
            handler=own.weather,
            roles=frozenset({"service"}),
            summary="Record weather observations",
            body=Weather,
            answers={202: Accepted},
            examples=WEATHER,
        ),
    ]


class _Handlers:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def driver_pings(self, call: Call) -> Answer:
        if isinstance(call.body, PingBatch):
            pings: Sequence[DriverPing] = call.body
            drivers, lat, lon, t = call.body.ids, call.body.lat, call.body.lon, call.body.t_ms.tolist()
        else:
            pings = [ping.event() for ping in call.body.pings]
            drivers, t = [ping.driver_id for ping in pings], [ping.t_ms for ping in pings]
            lat, lon = [ping.lat for ping in pings], [ping.lon for ping in pings]
        for driver in dict.fromkeys(drivers):
            call.own("driver", driver, "pings, as")
        cities = [city or NO_CITY for city in self._recorder.registry().ids_at(lat, lon)]
        for city in dict.fromkeys(cities):
            if city:
                call.in_city(city)
        return self._record("driver-pings", Events(pings, cities, {"t": t}, "/pings"), call)

    def ride_requests(self, call: Call) -> Answer:
        step: RideRequestStep = call.body
        call.own("rider", step.rider_id, "requests, as")
        if call.caller.role == "rider" and step.status not in RIDER_STATUSES:
            raise forbidden(f"a rider may send only {' and '.join(RIDER_STATUSES)}, got {step.status}")
        city = _city_of_step(self._recorder.registry(), step, call)
        call.in_city(city)
        return self._record("ride-requests", Events([step.event()], [city], {"t": [step.t]}, ""), call)

    def trips(self, call: Call) -> Answer:
        body: Trips = call.body
        registry = self._recorder.registry()
        troubles: list[Trouble] = []
        cities = []
        for index, trip in enumerate(body.trips):
            city = _city_of(registry, trip.pickup, f"/trips/{index}/pickup", call, troubles)
            if city is not None:
                troubles += _foreign_currency(trip, city.currency, f"/trips/{index}")
                cities.append(city.id)
        if troubles:
            raise invalid(troubles[:100])
        times = {name: [getattr(trip, name) for trip in body.trips] for name in TRIP_TIMES}
        return self._record("trips", Events([trip.event() for trip in body.trips], cities, times, "/trips"), call)

    def weather(self, call: Call) -> Answer:
        body: Weather = call.body
        registry = self._recorder.registry()
        troubles: list[Trouble] = []
        found = [
            _city_of(registry, seen, f"/observations/{index}/lat", call, troubles)
            for index, seen in enumerate(body.observations)
        ]
        if troubles:
            raise invalid(troubles[:100])
        cities = [city.id for city in found if city]
        times = {"t": [seen.t for seen in body.observations]}
        events = Events([seen.event() for seen in body.observations], cities, times, "/observations")
        return self._record("weather", events, call)

    def _record(self, topic: str, events: Events, call: Call) -> Answer:
        received_at = self._recorder.record(topic, events, call.caller.subject)
        return Answer(202, Accepted(accepted=len(events.events), received_at=received_at))


def _city_of(
    registry: Registry, place: Place | Observation, pointer: str, call: Call, troubles: list[Trouble]
) -> City | None:
    """The city of a place, which the token must be good in; None and a trouble more where there is none."""
    city = city_at(registry, place.lat, place.lon)
    if city is None:
        troubles.append(_outside(pointer, place.lat, place.lon))
    else:
        call.in_city(city.id)
    return city


def _city_of_step(registry: Registry, step: RideRequestStep, call: Call) -> str:
    if step.pickup:
        city = city_at(registry, step.pickup.lat, step.pickup.lon)
        if city is None:
            raise invalid([_outside("/pickup", step.pickup.lat, step.pickup.lon)])
        return city.id
    ids = registry.ids()
    if len(ids) == 1:
        return ids[0]
    if call.caller.city in ids:
        return call.caller.city
    detail = f"needs a token with a `city` here, where {len(ids)} cities are registered, got {call.caller.city!r}"
    raise invalid([Trouble("/status", f"{step.status} {detail}")])


def _outside(pointer: str, lat: float, lon: float) -> Trouble:
    return Trouble(pointer, f"must lie in a registered city, got {lat},{lon}")


def _foreign_currency(trip: FinishedTrip, currency: str, pointer: str) -> list[Trouble]:
    return [
        Trouble(f"{pointer}/{name}/currency", f"must be the city's currency, {currency}, got {fare.currency}")
        for name, fare in (("base_fare", trip.base_fare), ("total_fare", trip.total_fare))
        if fare and fare.currency != currency
    ]
