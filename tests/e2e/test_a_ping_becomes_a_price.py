"""From a cab's ping to a booked trip, through every seam."""

from __future__ import annotations

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import kafka
import pytest

from wayfare.domain.geo.cells import cell_of_point, quadkey
from wayfare.domain.times import parse_rfc3339

pytestmark = pytest.mark.timeout(900)  # the first test waits for a whole installation, a training included

QUIET_CORNER = (37.7352, -122.5030)


def features_of(city, west=-122.52, south=37.60, east=-122.35, north=37.83):
    answer = city.pricing.get(
        "/v1/surge/map", params={"bbox": f"{west},{south},{east},{north}"}, headers=city.token("rider", "r-map")
    )
    assert answer.status_code == 200, answer.text
    return {feature["properties"]["cell"]: feature["properties"] for feature in answer.json()["features"]}


def test_a_ping_is_on_the_surge_map_within_two_seconds(city):
    cell = quadkey(cell_of_point(*QUIET_CORNER))
    before = features_of(city).get(cell, {}).get("cabs_available", 0)
    answer = city.ping(f"d-{uuid.uuid4().hex[:12]}", *QUIET_CORNER)
    acknowledged = time.monotonic()
    assert answer.status_code == 202, answer.text
    city.until(
        lambda: features_of(city).get(cell, {}).get("cabs_available", 0) >= before + 1, 10, "the ping on the map"
    )
    assert time.monotonic() - acknowledged <= 2.0


def test_a_quote_is_explained_and_its_booking_is_the_quoted_price_once(city):
    rider = f"r-{uuid.uuid4().hex[:12]}"
    city.until(city.undegraded, 60, "an undegraded quote")
    quote = city.quote(rider).json()
    at_least = list(quote["surge"]["at_least"].values())
    assert at_least == sorted(at_least, reverse=True)
    assert quote["lineage"]["price_source"] == "model"
    assert quote["lineage"]["window_age_s"] < 30
    assert parse_rfc3339(quote["lineage"]["window_until"]) <= city.now_ms()
    booking = city.book(rider, quote["quote_token"])
    assert booking.status_code == 201, booking.text
    assert booking.json()["price"] == quote["price"]
    again = city.book(rider, quote["quote_token"])
    assert again.status_code == 409
    assert again.json()["booking_id"] == booking.json()["booking_id"]
    path = f"/v1/bookings/{booking.json()['booking_id']}"
    assert city.pricing.get(path, headers=city.token("rider", rider)).json()["price"] == quote["price"]
    assert city.pricing.get(path, headers=city.token("rider", "somebody-else")).status_code == 403


def test_a_booking_is_told_to_kafka_and_so_is_the_prediction_it_came_from(city):
    rider = f"r-{uuid.uuid4().hex[:12]}"
    quote = city.quote(rider).json()
    assert city.book(rider, quote["quote_token"]).status_code == 201
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=city.stack.addresses().kafka_bootstrap.split(","), auto_offset_reset="earliest"
    )
    consumer.subscribe(["bookings", "predictions"])
    found = {}

    def both() -> bool:
        for records in consumer.poll(timeout_ms=200).values():
            for record in records:
                value = json.loads(record.value)
                if value.get("quote_id") == quote["quote_id"]:
                    found[record.topic] = value
        return len(found) == 2

    city.until(both, 20, "the booking and the prediction in Kafka")
    consumer.close()
    assert found["bookings"]["outcome"] == "booked"
    assert found["bookings"]["price"] == quote["price"]
    assert rider not in json.dumps(found), "riders are pseudonymous in these topics"
    assert found["predictions"]["version"] == quote["lineage"]["version"]


def test_twenty_racing_bookings_make_one(city):
    rider = f"r-{uuid.uuid4().hex[:12]}"
    token = city.quote(rider).json()["quote_token"]
    with ThreadPoolExecutor(20) as pool:
        codes = sorted(answer.status_code for answer in pool.map(lambda _: city.book(rider, token), range(20)))
    assert codes == [201] + [409] * 19


def test_bad_input_is_answered_as_promised(city):
    service, rider = city.token("service", "s-1"), city.token("rider", "r-1")
    post = city.events.post
    json_type = {"Content-Type": "application/json"}
    assert post("/v1/driver-pings", content=b"{", headers=service | json_type).status_code == 400
    assert post("/v1/driver-pings", content=b'{"pings": NaN}', headers=service | json_type).status_code == 400
    assert post("/v1/driver-pings", content=b"", headers=service | json_type).status_code == 400
    assert post("/v1/driver-pings", content=b"x" * 1_100_000, headers=service | json_type).status_code == 413
    assert post("/v1/driver-pings", content=b"a=1", headers=service).status_code == 415
    assert post("/v1/driver-pings", json={"pings": []}, headers=service).status_code == 422
    assert post("/v1/driver-pings", json={"pings": []}, headers=rider).status_code == 403
    assert city.quote("r-1", rider_id="r-2").status_code == 403
    quote = city.quote("r-1").json()
    assert city.book("r-2", quote["quote_token"]).status_code == 403
    head, payload, signature = quote["quote_token"].split(".")
    altered = f"{head}.{payload[:-2]}AA.{signature}"
    assert city.book("r-1", altered).status_code == 422
    refused = city.quote("r-1", pickup={"lat": 40.7, "lon": -74.0})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/pickup"
