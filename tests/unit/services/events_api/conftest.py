import json

import pytest

from services.events_api.record import Recorder
from services.events_api.routes import routes
from wayfare.adapters.memory_log import MemoryEventLog
from wayfare.domain.callers import Caller
from wayfare.domain.city import City, CityClock, Place, Registry, Tariff
from wayfare.domain.errors import Forged
from wayfare.domain.times import format_rfc3339, parse_rfc3339
from wayfare.runtime.web.app import create_app

NOW_MS = parse_rfc3339("2026-11-21T08:30:00Z")
WALL_MS = 1_900_000_000_000


def square(name, lat, lon, currency="USD"):
    corners = tuple(Place(lat + a, lon + b) for a, b in ((-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)))
    clock = CityClock(wall_anchor_ms=WALL_MS, city_anchor_ms=NOW_MS, speed=60.0)
    return City(name, name, corners, Place(lat, lon), "UTC", currency, "US", Tariff(1, 1, 1, 1), clock=clock)


class Tokens:
    def verify(self, token):
        role, _, rest = token.partition(":")
        if not rest:
            raise Forged("the token does not hold")
        subject, _, city = rest.partition(":")
        return Caller(subject, role, city or None)


class World:
    """events_api over the memory log, at 08:30 city time; one city `a` at (10, 10), and `b` at (20, 20) when asked."""

    def __init__(self, *cities):
        self.log = MemoryEventLog()
        self.registry = Registry(cities or [square("a", 10, 10)])
        self.wall = WALL_MS
        recorder = Recorder(self.log, lambda: self.registry, lambda: self.wall)
        self.app = create_app("events_api", routes(recorder), verifier=Tokens())
        self.client = self.app.test_client()

    def post(self, path, body, token="service:s"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self.client.post(path, data=data, content_type="application/json", headers=headers)

    def events(self, topic):
        return [(row.city, row.event) for row in self.log.events(topic)]


def ping(**change):
    return {"driver_id": "d-1", "t": format_rfc3339(NOW_MS), "lat": 10, "lon": 10, "status": "available"} | change


def request(**change):
    body = {"request_id": "q", "rider_id": "r-1", "t": format_rfc3339(NOW_MS), "status": "opened",
            "pickup": {"lat": 10, "lon": 10}, "dropoff": {"lat": 10.1, "lon": 10}}  # fmt: skip
    return {name: value for name, value in (body | change).items() if value is not ...}


def trip(**change):
    body = {"trip_id": "t-1", "pickup": {"lat": 10, "lon": 10}, "dropoff": {"lat": 10.1, "lon": 10},
            "started_at": format_rfc3339(NOW_MS - 600_000), "ended_at": format_rfc3339(NOW_MS)}  # fmt: skip
    return {name: value for name, value in (body | change).items() if value is not ...}


def observation(**change):
    return {"t": format_rfc3339(NOW_MS), "lat": 10, "lon": 10, "temperature_c": 12.5, "rain_mm": 0, "humidity": 0.5,
            "wind_ms": 3} | change  # fmt: skip


@pytest.fixture
def world():
    return World()


@pytest.fixture
def two_cities():
    return World(square("a", 10, 10), square("b", 20, 20, "EUR"))


@pytest.fixture
def make():
    class Make:
        ping, request, trip, observation, now_ms = staticmethod(ping), staticmethod(request), staticmethod(trip), staticmethod(observation), NOW_MS  # fmt: skip

    return Make
