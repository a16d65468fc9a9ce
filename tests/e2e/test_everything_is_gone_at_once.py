"""Redis, Cassandra, the model server, ingest and Kafka gone at the same time, while apps go on; then all of them back."""

from __future__ import annotations

import json
import re
import statistics
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from decimal import ROUND_HALF_UP, Decimal

import httpx
import kafka
import pytest

from local import supervise
from tests.e2e.apps import Account, Driver, Rider
from wayfare.domain.ids import booking_id_of
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.clock import wall_ms

pytestmark = pytest.mark.timeout(900)  # the first test waits for a whole installation, a training included

GONE = ("ingest", "model_server", "redis", "cassandra", "kafka")
DEADLINE_SECONDS = 0.25
PATIENCE_SECONDS = 2.0
"""Quotes answer within the deadline; a loaded machine adds scheduling delays of its own."""
BOOKING_DEADLINE_SECONDS = 2.5
NEVER_PRICED = {"lat": 37.8005, "lon": -122.4385}
"""A place without cabs, so that no model has said anything of it lately."""

LADDER = re.compile(
    r"(?P<what>live_window: (stale \d+ s|empty)|model: .+), "
    r"(?P<stood_in>the cell's multiplier of \d+ s ago|prior for cell and hour|the city's prior) used"
)
STANDS_IN = {
    "last_multiplier": "the cell's multiplier",
    "prior:cell": "prior for cell and hour",
    "prior:city": "the city's prior",
}
BESIDE = re.compile(r"rider_history: .+, treated as missing|weather: .+, treated as missing")


def admin(city, name, path):
    address = next(row.admin_address for row in city.stack.status() if row.name == name)
    return httpx.get(f"{address}{path}", timeout=5)


def metric(city, name):
    """The value of a counter of pricing_api."""
    found = re.search(rf"^{name} (\S+)$", admin(city, "pricing_api", "/metrics").text, re.MULTILINE)
    return float(found[1])


def steps_down(quote):
    """The entries of the ladder in a quote, each of the documented kind and in agreement with its price's source."""
    ladder = []
    for told in quote["degraded"]:
        found = LADDER.fullmatch(told)
        assert found or BESIDE.fullmatch(told), told
        if found:
            assert found["stood_in"].startswith(STANDS_IN[quote["lineage"]["price_source"]]), quote
            ladder.append(found["what"])
    assert bool(ladder) == (quote["lineage"]["price_source"] != "model"), quote
    return ladder


def assert_a_full_answer(quote):
    """Degraded or not, a quote is a whole quote: its price follows from its parts."""
    at_least = list(quote["surge"]["at_least"].values())
    assert at_least == sorted(at_least, reverse=True)
    exact = Decimal(quote["base_fare"]["amount_minor"]) * Decimal(str(quote["surge"]["multiplier"]))
    assert quote["price"]["amount_minor"] == int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    assert quote["quote_token"]


def assert_unavailable(answer, seconds):
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.elapsed.total_seconds() <= seconds + PATIENCE_SECONDS


def in_kafka(city, topic, wanted, seconds):
    """Values of the records of a topic that tell of the quotes `wanted`, by quote."""
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=city.stack.addresses().kafka_bootstrap.split(","), enable_auto_commit=False
    )
    places = [kafka.TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    found = {}
    ends = time.monotonic() + seconds
    while not set(wanted) <= set(found) and time.monotonic() < ends:
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                value = json.loads(record.value)
                if value["quote_id"] in wanted:
                    found.setdefault(value["quote_id"], []).append(value)
    consumer.close()
    return found


def while_all_are_gone(city, rider, booking, unbooked):
    """What is answered meanwhile: quotes from the ladder, everything that needs a truth by 503."""
    city.until(lambda: rider.asked[-1].body["lineage"]["price_source"] == "last_multiplier", 30, "the cell's last one")
    unknown = city.quote(f"r-{uuid.uuid4().hex[:12]}", pickup=NEVER_PRICED).json()
    assert unknown["lineage"]["price_source"].startswith("prior:")
    assert "rider_history: redis and cassandra unavailable, treated as missing" in unknown["degraded"]
    city.until(
        lambda: any(what.startswith("live_window: stale ") for what in steps_down(rider.asked[-1].body)),
        60,
        "the window's age told",
    )
    assert rider.asked[-1].body["lineage"]["window_age_s"] > 10

    who, service = city.token("rider", "r-1"), city.token("service", "s-1")
    assert_unavailable(city.book("r-1", unbooked["quote_token"]), BOOKING_DEADLINE_SECONDS)
    path = f"/v1/bookings/{booking['booking_id']}"
    assert_unavailable(city.pricing.get(path, headers=who), BOOKING_DEADLINE_SECONDS)
    cap = {"max_multiplier": 1.0, "until": format_rfc3339(wall_ms() + 60_000), "reason": "a try"}
    operator = city.token("operator", "ops-1")
    assert_unavailable(city.pricing.put("/v1/cities/sim/surge-cap", json=cap, headers=operator), 5.0)
    asked_once = city.pricing.post(
        "/v1/quotes",
        json={"pickup": NEVER_PRICED, "dropoff": {"lat": 37.7793, "lon": -122.4193}},
        headers=who | {"Idempotency-Key": uuid.uuid4().hex},
    )
    assert asked_once.status_code == 201, asked_once.text
    shown = city.pricing.get("/v1/surge/map", headers=who)
    assert shown.status_code == 200
    assert any(what.startswith("surge_map: computed ") for what in shown.json()["degraded"])
    here = city.pricing.get("/v1/surge", params=NEVER_PRICED, headers=who)
    assert here.json()["lineage"]["price_source"].startswith("prior:")
    assert city.pricing.get("/v1/cities", headers=who).status_code == 200
    ping = {"driver_id": "d-1", "t": city.now(), **NEVER_PRICED, "status": "available"}
    assert_unavailable(city.events.post("/v1/driver-pings", json={"pings": [ping]}, headers=service), 5.0)


def assert_each_says_how_it_is(city):
    """Alive are all that run; ready is what can do its work: pricing_api degrades, the others wait for their stores."""
    for name in ("events_api", "pricing_api", "booking_relay", "lander", "publisher"):
        assert admin(city, name, "/healthz").status_code == 200, name
    assert admin(city, "pricing_api", "/readyz").json() == {"status": "ok", "reasons": {}}
    for name, reason in (("events_api", "log"), ("booking_relay", "outbox"), ("lander", "brokers")):
        city.until(
            lambda name=name, reason=reason: reason in admin(city, name, "/readyz").json()["reasons"],
            60,
            f"{name} not ready because of {reason}",
        )
        assert admin(city, name, "/readyz").status_code == 503


def assert_nothing_acknowledged_was_lost(city, rider):
    """Each acknowledged booking is there as it was answered; each refused one can still be made, or had been made."""
    reading = city.token("rider", rider.name_in_city)
    for booking_id, answered in rider.booked.items():
        path = f"/v1/bookings/{booking_id}"
        # A ledger that has just come back may ask to be asked again.
        city.until(lambda path=path: city.pricing.get(path, headers=reading).status_code != 503, 60, f"{path} is read")
        assert city.pricing.get(path, headers=reading).json() == answered
    for quote in rider.refused:
        again = city.book(rider.name_in_city, quote["quote_token"])
        assert again.status_code in (201, 409), again.text
        booking_id = again.json()["booking_id"]
        assert city.pricing.get(f"/v1/bookings/{booking_id}", headers=reading).json()["price"] == quote["price"]
    outcomes = in_kafka(city, "bookings", {booking["quote_id"] for booking in rider.booked.values()}, 60)
    assert len(outcomes) == len(rider.booked)
    assert {told["outcome"] for records in outcomes.values() for told in records} == {"booked"}
    quotes = {asked.body["quote_id"]: asked.body for asked in rider.asked}
    predictions = in_kafka(city, "predictions", quotes, 60)
    assert len(predictions) == len(quotes)
    for quote_id, (prediction, *_) in predictions.items():
        assert prediction["degraded"] == quotes[quote_id]["degraded"]


def test_all_gone_at_once_quotes_go_on_typed_and_nothing_acknowledged_is_lost(city):
    city.until(city.undegraded, 60, "an undegraded quote beforehand")
    lost = metric(city, "wayfare_predictions_lost_total")
    account = Account(city)
    booking = city.book("r-1", city.quote("r-1").json()["quote_token"]).json()
    unbooked = city.quote("r-1").json()
    with Driver(city) as driver, Rider(city) as rider:
        city.until(lambda: rider.booked and driver.acknowledged > 10, 30, "apps at work")
        try:
            with ThreadPoolExecutor(len(GONE)) as pool:
                list(pool.map(lambda name: supervise.stop(city.stack.layout, [name]), GONE))
            while_all_are_gone(city, rider, booking, unbooked)
            assert_each_says_how_it_is(city)
        finally:
            city.stack.start(GONE)
            city.stack.wait_ready(timeout_seconds=300.0)
        city.until(city.undegraded, 60, "an undegraded quote afterwards")
        city.until(lambda: rider.asked[-1].body["degraded"] == [], 30, "the rider's quotes undegraded")
        driver.end()
        rider.end()

    assert {asked.status for asked in rider.asked} == {201}
    assert max(asked.seconds for asked in rider.asked) <= DEADLINE_SECONDS + PATIENCE_SECONDS
    degraded = [asked for asked in rider.asked if steps_down(asked.body)]
    assert statistics.median(asked.seconds for asked in degraded) <= DEADLINE_SECONDS
    for asked in rider.asked:
        assert_a_full_answer(asked.body)
    assert rider.booked
    assert rider.refused

    path = f"/v1/bookings/{booking['booking_id']}"
    assert city.pricing.get(path, headers=city.token("rider", "r-1")).json() == booking
    never = f"/v1/bookings/{booking_id_of(unbooked['quote_id'])}"
    assert city.pricing.get(never, headers=city.token("rider", "r-1")).status_code == 404, "503 recorded something"
    assert city.book("r-1", unbooked["quote_token"]).json()["price"] == unbooked["price"]
    assert_nothing_acknowledged_was_lost(city, rider)
    assert metric(city, "wayfare_predictions_lost_total") == lost

    account.assert_each_is_recorded_and_counted_once(driver)
