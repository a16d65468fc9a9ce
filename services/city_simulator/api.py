"""HTTP to events_api and pricing_api with the service's token: time-outs on every call, no retries of its own."""

from __future__ import annotations

import pathlib
import threading
from typing import Any

import httpx

Json = dict[str, Any]


class Api:
    """A client of the two public APIs. Thread-safe."""

    def __init__(self, events_url: str, pricing_url: str, token_file: pathlib.Path, timeout_seconds: float) -> None:
        self._events_url, self._pricing_url = events_url.rstrip("/"), pricing_url.rstrip("/")
        self._token_file = token_file
        self._token = ""
        self.timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=32, keepalive_expiry=10.0)
        # Proxies of the environment are for the world outside; both APIs are this installation's own.
        self._client = httpx.Client(timeout=timeout_seconds, limits=limits, trust_env=False)

    def post_event(self, path: str, body: Json) -> httpx.Response:
        """POST to events_api; httpx.HTTPError when there is no answer."""
        return self._post(self._events_url + path, body)

    def quote(self, body: Json) -> httpx.Response:
        """POST /v1/quotes; httpx.HTTPError when there is no answer."""
        return self._post(self._pricing_url + "/v1/quotes", body)

    def book(self, quote_token: str) -> httpx.Response:
        """POST /v1/bookings; httpx.HTTPError when there is no answer."""
        return self._post(self._pricing_url + "/v1/bookings", {"quote_token": quote_token})

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _post(self, url: str, body: Json) -> httpx.Response:
        answer = self._client.post(url, json=body, headers={"Authorization": f"Bearer {self._bearer(renew=False)}"})
        if answer.status_code == 401:
            answer = self._client.post(url, json=body, headers={"Authorization": f"Bearer {self._bearer(renew=True)}"})
        return answer

    def _bearer(self, renew: bool) -> str:
        with self._lock:
            if renew or not self._token:
                try:
                    self._token = self._token_file.read_text().strip()
                except OSError as error:
                    raise httpx.RequestError(f"no service token can be read: {error}") from error
            return self._token
