"""On-call of a journey: what Alertmanager would wake somebody for, and riders who keep asking for prices meanwhile."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from local import on_call
from local.stack import WATCHER_NAMES, Stack


@dataclass
class Riders:
    """They ask for a price several times a second, whatever comes back."""

    pricing: str
    token: dict[str, str]
    trip: dict[str, Any]
    _stop: threading.Event = field(default_factory=threading.Event)

    def _ask(self) -> None:
        with httpx.Client(base_url=self.pricing, timeout=5.0) as client:
            while not self._stop.wait(0.2):
                with contextlib.suppress(httpx.HTTPError):
                    client.post("/v1/quotes", json=self.trip, headers=self.token)

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """While the block runs."""
        thread = threading.Thread(target=self._ask, name="riders", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(10)


@dataclass(frozen=True)
class OnCall:
    """Reads the alerts of an installation whose watchers run."""

    url: str

    def told(self, severity: Literal["page", "ticket"]) -> dict[str, dict[str, Any]]:
        """Alerts that are told now, neither inhibited nor silenced, by name."""
        return {on_call.name_of(alert): alert for alert in on_call.told(self.url, severity)}

    def quiet(self, seconds: float, most: float) -> None:
        """Wait until nothing has paged for so long."""
        deadline, since = time.monotonic() + most, time.monotonic()
        while time.monotonic() - since < seconds:
            if pages := self.told("page"):
                since = time.monotonic()
            assert time.monotonic() < deadline, f"these still page, got {sorted(pages)}"
            time.sleep(0.5)

    def pages_of(self, name: str, most: float, after: float = 10.0) -> tuple[dict[str, Any], set[str], set[str], float]:
        """The alert of this name once it pages, every page and ticket until some seconds later, and how long it took."""
        began, first = time.monotonic(), 0.0
        found: dict[str, Any] = {}
        pages: set[str] = set()
        tickets: set[str] = set()
        while not found or time.monotonic() - began < first + after:
            now = self.told("page")
            pages |= now.keys()
            tickets |= self.told("ticket").keys()
            if name in now and not found:
                found, first = now[name], time.monotonic() - began
            assert found or time.monotonic() - began < most, f"{name} did not page in {most:g} s, got {sorted(pages)}"
            time.sleep(0.5)
        return found, pages, tickets, first


def watched(stack: Stack) -> OnCall:
    """Start the watchers of an installation."""
    addresses = stack.start(WATCHER_NAMES)
    assert addresses.alertmanager_url is not None
    return OnCall(addresses.alertmanager_url)
