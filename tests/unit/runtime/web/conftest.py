import json

import pytest
from pydantic import Field

from wayfare.adapters.memory_idempotency import MemoryIdempotency
from wayfare.domain.callers import Caller
from wayfare.domain.errors import (
    AlreadyBooked,
    ArtifactRefused,
    Conflict,
    Expired,
    Forged,
    LedgerUnavailable,
    OutOfCity,
    TooFarAhead,
)
from wayfare.runtime import tracing
from wayfare.runtime.web.app import create_app
from wayfare.runtime.web.problems import at
from wayfare.runtime.web.routes import Answer, Route
from wayfare.runtime.web.types import Latitude, Model, Place


class Tokens:
    """Reads `role:subject[:city]`; `old` has expired."""

    def verify(self, token):
        if token == "old":
            raise Expired("the token expired 90 s ago")
        role, _, rest = token.partition(":")
        if not rest:
            raise Forged("the token does not hold: Signature verification failed")
        subject, _, city = rest.partition(":")
        return Caller(subject, role, city or None)


class Order(Model):
    rider_id: str | None = None
    pickup: Place


class Here(Model):
    lat: Latitude = Field(description="Degrees north.")
    zoom: int | None = None


class Said(Model):
    count: int


class World:
    """An application whose handler does what `handler` says, and counts."""

    def __init__(self, **options):
        tracing.configure("test")
        self.count = 0
        self.handler = lambda call: Answer(201, Said(count=self.count))
        self.store = options.pop("store", MemoryIdempotency())
        routes = [
            Route("POST", "/v1/orders", self._serve, frozenset({"rider", "service"}), "Order", {201: Said}, body=Order,
                  idempotent=True, examples={"one": {"pickup": {"lat": 1, "lon": 2}}}),
            Route("GET", "/v1/orders/{id}", self._serve, frozenset({"rider"}), "Read", {200: Said}),
            Route("GET", "/v1/here", self._serve, frozenset({"rider", "operator"}), "Here", {200: Said}, query=Here),
        ]  # fmt: skip
        self.app = create_app("test", routes, verifier=Tokens(), store=self.store, **options)
        self.client = self.app.test_client()

    def _serve(self, call):
        self.count += 1
        self.call = call
        return self.handler(call)

    def post(self, body=b'{"pickup": {"lat": 1, "lon": 2}}', token="rider:r-1", media="application/json", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        given = {"Authorization": f"Bearer {token}"} if token else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post("/v1/orders", data=body, content_type=media, headers=given)

    def get(self, path, token="rider:r-1"):
        return self.client.get(path, headers={"Authorization": f"Bearer {token}"} if token else {})


@pytest.fixture
def world():
    return World()


@pytest.fixture
def make_world():
    return World


@pytest.fixture(
    params=[
        (AlreadyBooked("used", "b-1"), 409),
        (Conflict("another"), 409),
        (Expired("over"), 410),
        (Forged("altered"), 422),
        (OutOfCity("no city"), 422),
        (TooFarAhead("ahead"), 422),
        (LedgerUnavailable("ledger"), 503),
        (ArtifactRefused("internal matter"), 500),
        (KeyError("secret"), 500),
    ],
    ids=lambda pair: type(pair[0]).__name__,
)
def error_and_status(request):
    return request.param


@pytest.fixture
def pointing():
    return at
