"""The routes of events_api."""

from __future__ import annotations

from collections.abc import Sequence

from services.events_api.bodies import Accepted, FinishedTrip, Pings, RideRequestStep, Trips, Weather
from services.events_api.examples import PINGS, RIDE_REQUESTS, TRIPS, WEATHER
from services.events_api.record import Placed, Recorder
from wayfare.domain.city import Registry
from wayfare.domain.streams.events import NO_CITY
from wayfare.domain.streams.receiving import city_at
from wayfare.runtime.web.problems import Trouble, forbidden, invalid
from wayfare.runtime.web.routes import Answer, Call, Route

RIDER_STATUSES = ("opened", "cancelled")


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
        body: Pings = call.body
        for ping in body.pings:
            call.own("driver", ping.driver_id, "pings, as")
        cities = self._recorder.registry().ids_at([(ping.lat, ping.lon) for ping in body.pings])
        for city in dict.fromkeys(cities):
            if city:
                call.in_city(city)
        placed = [
            Placed(ping.event(), city or NO_CITY, f"/pings/{index}", (("t", ping.t),))
            for index, (ping, city) in enumerate(zip(body.pings, cities, strict=True))
        ]
        return self._record("driver-pings", placed, call)

    def ride_requests(self, call: Call) -> Answer:
        step: RideRequestStep = call.body
        call.own("rider", step.rider_id, "requests, as")
        if call.caller.role == "rider" and step.status not in RIDER_STATUSES:
            raise forbidden(f"a rider may send only {' and '.join(RIDER_STATUSES)}, got {step.status}")
        city = _city_of_step(self._recorder.registry(), step, call)
        call.in_city(city)
        return self._record("ride-requests", [Placed(step.event(), city, "", (("t", step.t),))], call)

    def trips(self, call: Call) -> Answer:
        body: Trips = call.body
        registry = self._recorder.registry()
        troubles: list[Trouble] = []
        placed = []
        for index, trip in enumerate(body.trips):
            pointer = f"/trips/{index}"
            city = city_at(registry, trip.pickup.lat, trip.pickup.lon)
            if city is None:
                troubles.append(_outside(f"{pointer}/pickup", trip.pickup.lat, trip.pickup.lon))
                continue
            call.in_city(city.id)
            troubles += _foreign_currency(trip, city.currency, pointer)
            times = [(name, getattr(trip, name)) for name in ("started_at", "ended_at", "booked_at", "requested_at")]
            placed.append(Placed(trip.event(), city.id, pointer, times))
        if troubles:
            raise invalid(troubles[:100])
        return self._record("trips", placed, call)

    def weather(self, call: Call) -> Answer:
        body: Weather = call.body
        registry = self._recorder.registry()
        troubles: list[Trouble] = []
        placed = []
        for index, seen in enumerate(body.observations):
            pointer = f"/observations/{index}"
            city = city_at(registry, seen.lat, seen.lon)
            if city is None:
                troubles.append(_outside(f"{pointer}/lat", seen.lat, seen.lon))
                continue
            call.in_city(city.id)
            placed.append(Placed(seen.event(), city.id, pointer, (("t", seen.t),)))
        if troubles:
            raise invalid(troubles[:100])
        return self._record("weather", placed, call)

    def _record(self, topic: str, placed: Sequence[Placed], call: Call) -> Answer:
        received_at = self._recorder.record(topic, placed, call.caller.subject)
        return Answer(202, Accepted(accepted=len(placed), received_at=received_at))


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
