"""Quotes and bookings over HTTP, asked for by a few threads so that the city never waits for a price."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx

from services.city_simulator.api import Api
from services.city_simulator.statistics import Statistics
from services.city_simulator.wire import Json, place, price_source
from wayfare.domain.city import Place
from wayfare.domain.market.offers import Offer
from wayfare.domain.times import parse_rfc3339
from wayfare.runtime import logs
from wayfare.runtime.clock import wall_ms

TRIES = 4
FIRST_PAUSE_SECONDS = 0.25
_MOST_WAITING = 256


@dataclass(frozen=True, slots=True)
class Quote:
    """A quote as an app keeps it. window_until_ms: newest `received_at` that its window holds; None when not told."""

    offer: Offer
    token: str
    window_until_ms: int | None
    degraded: tuple[str, ...]


def read_quote(body: Json) -> Quote:
    """From the answer's JSON; KeyError, TypeError or ValueError when it is not a quote."""
    lineage = body["lineage"]
    until = lineage.get("window_until")
    return Quote(
        offer=Offer(
            multiplier=float(body["surge"]["multiplier"]),
            base_fare_minor=int(body["base_fare"]["amount_minor"]),
            total_fare_minor=int(body["price"]["amount_minor"]),
            source=price_source(lineage),
            quote_id=str(body["quote_id"]),
        ),
        token=str(body["quote_token"]),
        window_until_ms=parse_rfc3339(until) if until else None,
        degraded=tuple(str(line) for line in body["degraded"]),
    )


class Quoter:
    """Asks for quotes and bookings; failures are counted, tried again for a short while, and never raised."""

    def __init__(self, api: Api, statistics: Statistics, workers: int) -> None:
        self._api = api
        self._statistics = statistics
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="quote")
        self._room = threading.BoundedSemaphore(_MOST_WAITING)
        self._stop = threading.Event()
        self.problem: str | None = "no quote has been answered yet"

    def once(self, pickup: Place, dropoff: Place, rider: str | None) -> Quote | None:
        """One quote, asked once; None when there was none."""
        body: Json = {"pickup": place(*pickup), "dropoff": place(*dropoff)}
        if rider is not None:
            body["rider_id"] = rider
        started = time.monotonic()
        answer = self._call("quote", 201, lambda: self._api.quote(body))
        if answer is None:
            return None
        took_ms = (time.monotonic() - started) * 1000.0
        try:
            quote = read_quote(answer.json())
        except (ValueError, KeyError, TypeError) as error:
            self._statistics.failed(f"a quote could not be read: {type(error).__name__} {error}")
            return None
        self.problem = None
        self._statistics.quoted(wall_ms(), took_ms, quote.offer.multiplier, list(quote.degraded))
        return quote

    def ask(self, pickup: Place, dropoff: Place, rider: str | None, told: Callable[[Quote | None], None]) -> None:
        """In the background, a few times if need be; `told` runs on another thread, with None when no quote came."""
        self._submit(told, lambda: self._persist(lambda: self.once(pickup, dropoff, rider)))

    def check(self, pickup: Place, dropoff: Place, rider: str | None) -> None:
        """In the background, once, for nobody in particular; left out and counted when too many wait."""
        self._submit(lambda _quote: None, lambda: self.once(pickup, dropoff, rider))

    def book(self, quote_token: str, told: Callable[[str | None], None]) -> None:
        """In the background, again while the ledger is out of reach; `told` gets the booking's id, or None."""
        self._submit(told, lambda: self._persist(lambda: self._book_once(quote_token)))

    def _book_once(self, quote_token: str) -> str | None:
        answer = self._call("booking", 201, lambda: self._api.book(quote_token))
        if answer is None:
            return None
        try:
            booking = str(answer.json()["booking_id"])
        except (ValueError, KeyError, TypeError) as error:
            self._statistics.failed(f"a booking could not be read: {type(error).__name__} {error}")
            return None
        self._statistics.booked()
        return booking

    def close(self, timeout_seconds: float) -> None:
        """Let calls under way end, for so long."""
        self._stop.set()
        waiter = threading.Thread(target=lambda: self._pool.shutdown(wait=True, cancel_futures=False), daemon=True)
        waiter.start()
        waiter.join(timeout_seconds)

    def _submit(self, told: Callable[[Any], None], work: Callable[[], Any]) -> None:
        if self._stop.is_set() or not self._room.acquire(blocking=False):
            self._statistics.outcome("quote_or_booking_left_out")
            told(None)
            return

        def run() -> None:
            found = None
            try:
                found = work()
            except Exception as error:  # a thread of the pool must never swallow what it was asked
                logs.logger().exception("a call for a quote or booking broke")
                self._statistics.failed(f"{type(error).__name__} {error}"[:200])
            finally:
                self._room.release()
                told(found)

        self._pool.submit(run)

    def _persist(self, attempt: Callable[[], Any]) -> Any:
        pause = FIRST_PAUSE_SECONDS
        for left in range(TRIES - 1, -1, -1):
            found = attempt()
            if found is not None or not left or self._stop.wait(pause):
                return found
            self._statistics.retried()
            pause *= 2.0
        return None

    def _call(self, what: str, wanted: int, call: Callable[[], httpx.Response]) -> httpx.Response | None:
        try:
            answer = call()
        except httpx.HTTPError as error:
            self._statistics.outcome(f"{what}_no_answer")
            self.problem = f"pricing_api does not answer: {type(error).__name__}"
            return None
        if answer.status_code != wanted:
            self._statistics.outcome(f"{what}_{answer.status_code}")
            self.problem = f"pricing_api answered a {what} with {answer.status_code}"
            if answer.status_code != 503:
                self._statistics.failed(f"a {what} was answered {answer.status_code}")
            return None
        return answer
