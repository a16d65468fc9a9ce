"""Quotes and bookings: answered, tried again, counted; the probe measures what it says."""

from __future__ import annotations

import pathlib
import queue
import time
from collections.abc import Iterator
from typing import Any

import pytest

from services.city_simulator import quotes as quotes_module
from services.city_simulator.api import Api
from services.city_simulator.pacing import PriceChecks
from services.city_simulator.probe import Probe
from services.city_simulator.quotes import Quote, Quoter
from services.city_simulator.statistics import Statistics, percentile, write
from wayfare.domain.city import Place
from wayfare.domain.times import format_rfc3339

A, B = Place(37.78, -122.41), Place(37.76, -122.43)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotes_module, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def statistics() -> Statistics:
    return Statistics()


@pytest.fixture
def quoter(apis: Any, token_file: pathlib.Path, statistics: Statistics) -> Iterator[Quoter]:
    api = Api(apis.url, apis.url, token_file, timeout_seconds=2.0)
    quoter = Quoter(api, statistics, workers=4)
    yield quoter
    quoter.close(5.0)
    api.close()


def asked(quoter: Quoter) -> Quote | None:
    answers: queue.SimpleQueue[Quote | None] = queue.SimpleQueue()
    quoter.ask(A, B, "r-1", answers.put)
    return answers.get(timeout=10)


def test_a_quote_is_read_with_its_price_and_lineage(apis: Any, quoter: Quoter, statistics: Statistics) -> None:
    apis.multiplier = 1.75
    quote = asked(quoter)
    assert quote is not None
    assert quote.offer.multiplier == 1.75
    assert quote.offer.total_fare_minor == 1750
    assert quote.offer.source == "model:surge-sim:20260307001"
    assert quote.offer.quote_id == quote.token.removeprefix("token-")
    found = statistics.snapshot()
    assert found["quotes"] == 1
    assert found["multipliers"] == {"1.75": 1}
    assert found["first_undegraded_quote_at"] is not None
    assert found["quote_p50_ms"] > 0


def test_degraded_quotes_are_counted_by_what_failed_and_are_not_the_first_good_one(
    apis: Any, quoter: Quoter, statistics: Statistics
) -> None:
    apis.degraded = ["live_window: stale 42 s, prior for cell and hour used", "model: no answer"]
    asked(quoter)
    found = statistics.snapshot()
    assert found["degraded"] == {"live_window": 1, "model": 1}
    assert found["first_undegraded_quote_at"] is None


def test_a_quote_is_asked_for_again_and_given_up_after_four_times(
    apis: Any, quoter: Quoter, statistics: Statistics
) -> None:
    apis.faults["/v1/quotes"] = ["503", "cut"]
    assert asked(quoter) is not None
    apis.faults["/v1/quotes"] = ["503"] * 4
    assert asked(quoter) is None
    found = statistics.snapshot()
    assert found["outcomes"]["quote_503"] == 5
    assert found["outcomes"]["quote_no_answer"] == 1
    assert found["quotes"] == 1
    assert found["failures"] == []


def test_an_answer_that_is_no_quote_is_a_failure_not_a_crash(
    apis: Any, quoter: Quoter, statistics: Statistics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(apis), "_quote", lambda self: {"surge": None})
    assert asked(quoter) is None
    assert statistics.snapshot()["failures"]


def test_a_booking_is_tried_again_and_its_refusal_is_final_and_told(
    apis: Any, quoter: Quoter, statistics: Statistics
) -> None:
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    apis.faults["/v1/bookings"] = ["503", "cut"]
    quoter.book("token-q-1f", answers.put)
    assert answers.get(timeout=10) == "b-1f"
    assert statistics.snapshot()["bookings"] == 1
    apis.faults["/v1/bookings"] = ["410"] * 4
    quoter.book("token-q-2f", answers.put)
    assert answers.get(timeout=10) is None
    assert statistics.snapshot()["bookings"] == 1
    assert "410" in statistics.snapshot()["failures"][0]


def test_a_callback_comes_even_after_the_end(quoter: Quoter) -> None:
    quoter.close(5.0)
    assert asked(quoter) is None


class Counted:
    """Takes price checks and asks nobody."""

    def __init__(self) -> None:
        self.riders: list[str | None] = []

    def check(self, pickup: Place, dropoff: Place, rider: str | None) -> None:
        self.riders.append(rider)


def test_price_checks_come_at_their_rate_one_after_another() -> None:
    counted = Counted()
    checks = PriceChecks(counted, 200.0, lambda number: (A, B, str(number)))
    began = time.monotonic()
    checks.start()
    while len(counted.riders) < 60 and time.monotonic() - began < 30:
        time.sleep(0.01)
    checks.close()
    assert 60 <= len(counted.riders) <= (time.monotonic() - began) * 200.0
    numbers = [int(str(rider)) for rider in counted.riders]
    assert numbers == sorted(set(numbers))


def test_the_probe_measures_from_the_202_to_the_quote_whose_window_holds_the_ping(
    apis: Any, quoter: Quoter, statistics: Statistics
) -> None:
    probe = Probe(quoter, statistics, (A, B), every_seconds=0.05, poll_seconds=0.05)
    probe.start()
    deadline = time.monotonic() + 10
    while statistics.snapshot()["event_to_price_measured"] < 3 and time.monotonic() < deadline:
        probe.acknowledged("trips", time.monotonic(), "nonsense")
        probe.acknowledged("driver-pings", time.monotonic() - 1.0, format_rfc3339(apis.received_ms))
        time.sleep(0.01)
    probe.close()
    found = statistics.snapshot()
    assert found["event_to_price_measured"] >= 3
    # The fake's window reaches the ping at every third quote: two pauses of 50 ms after a 202 one second old.
    assert 1.0 < found["event_to_price_p50_s"] < 2.0


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(i) for i in range(1, 101)]
    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile([7.0], 0.99) == 7.0


def test_statistics_are_replaced_in_one_step(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "run" / "simulator.json"
    write(file, {"a": 1})
    write(file, {"a": 2})
    assert file.read_text() == '{"a": 2}'
    assert [path.name for path in file.parent.iterdir()] == ["simulator.json"]
