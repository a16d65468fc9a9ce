"""A small events_api and pricing_api in this process, which can fail as the real ones may."""

from __future__ import annotations

import json
import pathlib
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from local.cities import load
from wayfare.domain.city import City
from wayfare.domain.times import format_rfc3339

Json = dict[str, Any]

_MANY = {"/v1/driver-pings": "pings", "/v1/trips": "trips", "/v1/weather": "observations"}


def identity(path: str, event: Json) -> tuple[str, ...]:
    """What makes an event unique, by the route it came on."""
    if path == "/v1/driver-pings":
        return path, event["driver_id"], event["t"]
    if path == "/v1/ride-requests":
        return path, event["request_id"], event["status"]
    return (path, event["trip_id"]) if path == "/v1/trips" else (path, event["t"], str(event["lat"]))


class FakeApis:
    """Both APIs on one port. `faults` are used up one a call: a status to answer, `cut` (recorded, but the connection ends without an answer) or `refuse:<n>` (422 for the n-th event)."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Json]] = []
        self.recorded: Counter[tuple[str, ...]] = Counter()
        self.calls: Counter[str] = Counter()
        self.faults: dict[str, list[str]] = {}
        self.booked: set[str] = set()
        self.multiplier = 1.0
        self.degraded: list[str] = []
        self.received_ms = 1_000
        self.window_lag = 3
        self.token = "good"
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with fake._lock:
                    status, answer, cut = fake.answer(self.path, body, self.headers.get("Authorization", ""))
                if cut:
                    self.close_connection = True
                    self.connection.shutdown(2)
                    return
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # connections cut on purpose

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def answer(self, path: str, body: Json, bearer: str) -> tuple[int, Json, bool]:
        self.calls[path] += 1
        if bearer != f"Bearer {self.token}":
            return 401, {"title": "no"}, False
        fault = self.faults[path].pop(0) if self.faults.get(path) else ""
        if fault.isdigit():
            return int(fault), {"title": "asked for"}, False
        if path == "/v1/quotes":
            return (201, self._quote(), False) if fault != "cut" else (0, {}, True)
        if path == "/v1/bookings":
            self.booked.add(body["quote_token"])
            return 201, {"booking_id": "b-" + body["quote_token"].removeprefix("token-q-")}, fault == "cut"
        events = body[_MANY[path]] if path in _MANY else [body]
        if fault.startswith("refuse:"):
            at = int(fault.partition(":")[2])
            return 422, {"errors": [{"pointer": f"/{_MANY[path]}/{at}/lat", "detail": "must be, got 1"}]}, False
        for event in events:
            self.events.append((path, event))
            self.recorded[identity(path, event)] += 1
        self.received_ms += 100
        return 202, {"accepted": len(events), "received_at": format_rfc3339(self.received_ms)}, fault == "cut"

    def _quote(self) -> Json:
        number = uuid.uuid4().hex
        self.window_lag -= 1
        until = self.received_ms if self.window_lag <= 0 else self.received_ms - 60_000
        if self.window_lag <= 0:
            self.window_lag = 3
        price = round(1000 * self.multiplier)
        return {
            "quote_id": f"q-{number}",
            "quote_token": f"token-q-{number}",
            "surge": {"multiplier": self.multiplier},
            "base_fare": {"amount_minor": 1000, "currency": "USD"},
            "price": {"amount_minor": price, "currency": "USD"},
            "lineage": {
                "price_source": "model",
                "model": "surge-sim",
                "version": 20260307001,
                "window_until": format_rfc3339(until),
            },
            "degraded": self.degraded,
        }

    def of(self, path: str) -> list[Json]:
        """Events recorded on one route, in order of arrival."""
        with self._lock:
            return [event for at, event in self.events if at == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def apis() -> Iterator[FakeApis]:
    fake = FakeApis()
    yield fake
    fake.close()


@pytest.fixture
def token_file(tmp_path: pathlib.Path) -> pathlib.Path:
    file = tmp_path / "token"
    file.write_text("good\n")
    return file


@pytest.fixture(scope="session")
def sim() -> City:
    return load("sim")


@pytest.fixture(scope="session")
def sf() -> City:
    return load("sf")
