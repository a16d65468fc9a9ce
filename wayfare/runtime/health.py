"""The admin port of a process: /healthz (it lives), /readyz (it can do its work now, or the reasons why not), /metrics."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import REGISTRY
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from wayfare.runtime.metrics import PROBLEM

Check = Callable[[], str | None]
"""A readiness check: None when fine, else the reason as a sentence. Must be fast and must not raise."""


class Health:
    """Readiness of one process: ready when every named check answers None and the process is not stopping."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._told: dict[str, Check] = {}
        self._stopping = False

    def add(self, name: str, check: Check) -> None:
        """Name a thing that must be fine for this process to be ready."""
        self._checks[name] = check

    def tell(self, name: str, check: Check) -> None:
        """Name a thing whose state the metrics tell, whether or not readiness stands on it."""
        self._told[name] = check

    def measure(self) -> None:
        """Set the metric of each named thing to what its check says now."""
        for name, check in (self._checks | self._told).items():
            PROBLEM.labels(name).set(check() is not None)

    def stopping(self) -> None:
        """From now on not ready, so that no new work is sent here."""
        self._stopping = True

    def reasons(self) -> dict[str, str]:
        """Why this process is not ready; empty when it is."""
        found = {name: reason for name, check in self._checks.items() if (reason := check()) is not None}
        if self._stopping:
            found["process"] = "stopping"
        return found


def serve_admin(health: Health, host: str, port: int) -> ThreadingHTTPServer:
    """Serve the admin port on a daemon thread; `.server_address[1]` is the port, `.shutdown()` ends it."""

    class Admin(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer(200, b'{"status":"ok"}', "application/json")
            elif self.path == "/readyz":
                reasons = health.reasons()
                body = {"status": "not ready" if reasons else "ok", "reasons": reasons}
                self._answer(503 if reasons else 200, json.dumps(body).encode(), "application/json")
            elif self.path == "/metrics":
                health.measure()
                self._answer(200, generate_latest(REGISTRY), CONTENT_TYPE_LATEST)
            else:
                self._answer(404, b'{"status":"not found"}', "application/json")

        def _answer(self, status: int, body: bytes, media_type: str) -> None:
            # A probe that gave up waiting has hung up; the next one asks again.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes every second are not worth a line each."""

    server = ThreadingHTTPServer((host, port), Admin)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="admin", daemon=True).start()
    return server


def all_of(checks: Iterable[Check]) -> Check:
    """One check that gives the first reason among several."""
    listed = list(checks)
    return lambda: next((reason for check in listed if (reason := check()) is not None), None)
