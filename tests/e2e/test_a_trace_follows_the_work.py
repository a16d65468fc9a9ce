"""One trace leads from an app's request to whatever answered it, over HTTP, gRPC and the log."""

from __future__ import annotations

import json
import secrets

import httpx
import pytest

pytestmark = pytest.mark.timeout(900)  # the first test waits for a whole installation, a training included


@pytest.fixture
def traceparent(collector):
    if collector is None:
        pytest.skip("an installation that was kept sends its traces elsewhere")
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def wait_for(city, collector, traceparent, *names):
    trace_id = traceparent.split("-")[1]
    city.until(lambda: set(names) <= collector.trace(trace_id).keys(), 20, f"spans of {names}")
    return collector.trace(trace_id)


def test_from_an_apps_quote_into_the_model_server(city, collector, traceparent):
    city.until(city.undegraded, 60, "an undegraded quote")
    answer = city.quote("r-traced", headers={"traceparent": traceparent})
    assert answer.status_code == 201, answer.text
    quote, call = ("pricing_api", "POST /v1/quotes"), ("pricing_api", "PredictionService/Predict")
    computed = ("model_server", "Predict")
    spans = wait_for(city, collector, traceparent, quote, call, computed)
    assert spans[quote].parent_id == traceparent.split("-")[2]
    assert spans[call].parent_id == spans[quote].span_id
    assert spans[computed].parent_id == spans[call].span_id
    assert spans[quote].began_ns <= spans[call].began_ns <= spans[call].ended_ns <= spans[quote].ended_ns
    told = spans[quote].attributes
    assert told["http.response.status_code"] == 201
    assert told["wayfare.request_id"] == answer.headers["X-Request-Id"]
    assert spans[computed].attributes["model"] == "surge-sim"


def test_from_a_ping_to_its_pane(city, collector, traceparent):
    answer = city.ping("d-traced", 37.7793, -122.4193, headers={"traceparent": traceparent})
    assert answer.status_code == 202, answer.text
    sent, pane = ("events_api", "POST /v1/driver-pings"), ("ingest", "pane driver-pings")
    spans = wait_for(city, collector, traceparent, sent, pane)
    assert spans[pane].parent_id == spans[sent].span_id
    assert spans[pane].attributes["messaging.kafka.offset"] >= 0
    assert spans[pane].ended_ns - spans[pane].began_ns < 60 * 10**9


def test_a_sample_of_latency_leads_to_its_trace_and_a_log_line_too(city, collector, traceparent):
    trace_id = traceparent.split("-")[1]
    answer = city.quote("r-traced", headers={"traceparent": traceparent}, pickup={"lat": 0.0, "lon": 0.0})
    assert answer.status_code == 422
    admin = next(row.admin_address for row in city.stack.status() if row.name == "pricing_api")
    accept = {"Accept": "application/openmetrics-text"}
    shown = httpx.get(f"{admin}/metrics", headers=accept, timeout=5.0).text
    samples = [line for line in shown.splitlines() if trace_id in line]
    assert samples
    assert all(line.startswith("wayfare_http_request_seconds_bucket") for line in samples)
    lines = (city.stack.layout.logs / "pricing_api.log").read_text().splitlines()
    mine = [json.loads(line) for line in lines if trace_id in line]
    assert [line["request_id"] for line in mine] == [answer.headers["X-Request-Id"]]


def test_a_caller_who_does_not_ask_is_not_recorded(city, collector, traceparent):
    unasked = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"
    quote = ("pricing_api", "POST /v1/quotes")
    assert city.quote("r-traced", headers={"traceparent": unasked}).status_code == 201
    assert city.quote("r-traced", headers={"traceparent": traceparent}).status_code == 201
    wait_for(city, collector, traceparent, quote)  # a process sends its spans in the order in which they ended
    assert collector.trace(unasked.split("-")[1]) == {}
