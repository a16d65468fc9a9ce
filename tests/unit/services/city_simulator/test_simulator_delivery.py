"""Every event is acknowledged and counted exactly once, whatever events_api does."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.city_simulator import delivery as delivery_module
from services.city_simulator.api import Api
from services.city_simulator.delivery import Delivery
from services.city_simulator.over_http import OverHttp
from services.city_simulator.statistics import Statistics


def pings(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"driver_id": f"d-{i}", "t": f"t-{i}", "lat": 1.0, "lon": 2.0} for i in range(start, start + count)]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "LONGEST_PAUSE_SECONDS", 0.05)


@pytest.fixture
def api(apis: Any, token_file: pathlib.Path) -> Iterator[Api]:
    api = Api(apis.url, apis.url, token_file, timeout_seconds=2.0)
    yield api
    api.close()


def started(api: Api, most: int = 100_000) -> tuple[Delivery, Statistics, list[tuple[str, float, str]]]:
    statistics, told = Statistics(), []
    delivery = Delivery(OverHttp(api), statistics, most, lambda *what: told.append(what))
    delivery.start()
    return delivery, statistics, told


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["503", "cut", "500", "429"]), max_size=5), st.integers(1, 2_500))
def test_after_any_failures_each_event_is_counted_once_and_none_is_lost(
    apis: Any, api: Api, faults: list[str], count: int
) -> None:
    apis.recorded.clear()
    apis.faults["/v1/driver-pings"] = list(faults)
    delivery, statistics, _ = started(api)
    delivery.put("driver-pings", pings(count))
    assert delivery.close(10.0) == 0
    assert statistics.snapshot()["events_sent"] == {"driver-pings": count}
    assert len(apis.recorded) == count
    assert apis.faults["/v1/driver-pings"] == [] or not faults


def test_all_topics_go_their_own_way_and_one_that_fails_holds_up_no_other(apis: Any, api: Api) -> None:
    apis.faults["/v1/trips"] = ["503"] * 1000
    delivery, statistics, told = started(api)
    delivery.put("trips", [{"trip_id": "t-1"}])
    delivery.put("driver-pings", pings(3))
    delivery.put("ride-requests", [{"request_id": "r", "status": "opened"}, {"request_id": "r", "status": "matched"}])
    delivery.put("weather", [{"t": "now", "lat": 1.0}])
    deadline = time.monotonic() + 5
    while delivery.pending() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert statistics.snapshot()["events_sent"] == {"driver-pings": 3, "ride-requests": 2, "weather": 1}
    assert "503" in str(delivery.problem)
    apis.faults["/v1/trips"] = []
    assert delivery.close(5.0) == 0
    assert statistics.snapshot()["events_sent"]["trips"] == 1
    assert delivery.problem is None
    assert [event["status"] for event in apis.of("/v1/ride-requests")] == ["opened", "matched"]
    assert {topic for topic, _, _ in told} == {"trips", "driver-pings", "ride-requests", "weather"}


def test_what_events_api_never_takes_is_told_apart_and_the_rest_of_the_batch_arrives(apis: Any, api: Api) -> None:
    apis.faults["/v1/driver-pings"] = ["refuse:1"]
    delivery, statistics, _ = started(api)
    delivery.put("driver-pings", pings(4))
    assert delivery.close(5.0) == 0
    found = statistics.snapshot()
    assert found["events_sent"] == {"driver-pings": 3}
    assert found["events_lost"] == {"driver-pings:refused": 1}
    assert "got 1" in found["failures"][0]
    assert [event["driver_id"] for event in apis.of("/v1/driver-pings")] == ["d-0", "d-2", "d-3"]


def test_while_events_api_is_away_the_queue_is_bounded_and_the_oldest_pings_go(
    apis: Any, api: Api, token_file: pathlib.Path
) -> None:
    apis.faults["/v1/driver-pings"] = ["503"] * 10_000
    delivery, statistics, _ = started(api, most=2_000)
    delivery.put("ride-requests", [{"request_id": "r", "status": "opened"}])
    for start in range(0, 6_000, 500):
        delivery.put("driver-pings", pings(500, start))
    assert delivery.pending() <= 2_000
    apis.faults["/v1/driver-pings"] = []
    assert delivery.close(10.0) == 0
    found = statistics.snapshot()
    assert found["events_sent"]["driver-pings"] + found["events_lost"]["driver-pings:crowded_out"] == 6_000
    assert found["events_sent"]["ride-requests"] == 1
    assert ("/v1/driver-pings", "d-5999", "t-5999") in apis.recorded


def test_what_cannot_be_sent_before_the_end_is_reported_as_pending(apis: Any, api: Api) -> None:
    apis.faults["/v1/driver-pings"] = ["503"] * 10_000
    delivery, statistics, _ = started(api)
    delivery.put("driver-pings", pings(1_234))
    assert delivery.close(0.3) == 1_234
    assert statistics.snapshot()["events_sent"] == {}


def test_a_renewed_token_is_read_when_the_old_one_is_refused(apis: Any, api: Api, token_file: pathlib.Path) -> None:
    delivery, statistics, _ = started(api)
    delivery.put("driver-pings", pings(1))
    deadline = time.monotonic() + 5
    while delivery.pending() and time.monotonic() < deadline:
        time.sleep(0.01)
    apis.token = "better"
    token_file.write_text("better")
    delivery.put("driver-pings", pings(1, 1))
    assert delivery.close(5.0) == 0
    assert statistics.snapshot()["events_sent"] == {"driver-pings": 2}
    assert statistics.snapshot()["failures"] == []


def test_an_events_api_that_does_not_listen_is_waited_for(token_file: pathlib.Path) -> None:
    api = Api("http://127.0.0.1:9", "http://127.0.0.1:9", token_file, timeout_seconds=0.5)
    delivery, statistics, _ = started(api)
    delivery.put("driver-pings", pings(5))
    time.sleep(0.3)
    assert "ConnectError" in str(delivery.problem)
    assert delivery.close(0.1) == 5
    assert statistics.snapshot()["retries"] > 1
    api.close()


def test_the_first_of_a_topic_is_waited_for_and_what_is_not_sent_is_not(apis: Any, api: Api) -> None:
    apis.faults["/v1/weather"] = ["503", "503"]
    delivery, _, _ = started(api)
    assert delivery.wait_for_first("weather", 0.0)
    assert not delivery.sends("weather")
    delivery.put("weather", [{"t": "now", "lat": 1.0}])
    assert delivery.sends("weather")
    assert not delivery.wait_for_first("weather", 0.01)
    assert delivery.wait_for_first("weather", 10.0)
    assert apis.of("/v1/weather") == [{"t": "now", "lat": 1.0}]
    delivery.close(1.0)
