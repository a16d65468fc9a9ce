"""pricing_api as a process, with a real model server and publisher, over the real Redis, Cassandra and Kafka."""

from __future__ import annotations

import concurrent.futures
import json
import pathlib
import time
from collections.abc import Callable, Iterator

import httpx
import kafka
import pytest

from bench.stage import DOWNTOWN, MISSION, Stage
from local.stack import Addresses
from wayfare.adapters.redis_surge_map import RedisSurgeMap
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.clock import wall_ms

TRIP = {"pickup": DOWNTOWN._asdict(), "dropoff": MISSION._asdict()}


@pytest.fixture(scope="module")
def stage(servers: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: pathlib.Path = tmp_path_factory.mktemp("stage")
    with Stage(folder, servers, WAYFARE_STALE_AFTER_SECONDS="10", WAYFARE_REDIS_TIMEOUT_SECONDS="2") as found:
        until_undegraded(found)
        yield found


@pytest.fixture(scope="module")
def client(stage: Stage) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stage.url, timeout=20) as found:
        yield found


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.1)


def until_undegraded(stage: Stage, seconds: float = 90.0) -> None:
    ends = time.monotonic() + seconds
    while degraded := quote(stage)["degraded"]:
        assert time.monotonic() < ends, f"quotes stay degraded: {degraded}"
        time.sleep(0.2)


def bearer(stage: Stage, role: str = "rider", subject: str = "r-1") -> dict[str, str]:
    return {"Authorization": f"Bearer {stage.token(role, subject)}"}


def quote(stage: Stage) -> dict:
    answer = httpx.post(f"{stage.url}/v1/quotes", json=TRIP, headers=bearer(stage), timeout=20)
    assert answer.status_code == 201, answer.text
    return answer.json()


def records(stage: Stage, topic: str, wanted: str, seconds: float = 30.0) -> list[dict]:
    """Records of a topic that hold the text `wanted`, from the last minutes."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=stage.servers.kafka_bootstrap, enable_auto_commit=False)
    places = [kafka.TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(places)
    for place, found in consumer.offsets_for_times(dict.fromkeys(places, wall_ms() - 120_000)).items():
        consumer.seek(place, found.offset) if found else consumer.seek_to_end(place)
    values: list[dict] = []
    ends = time.monotonic() + seconds
    while not values and time.monotonic() < ends:
        for batch in consumer.poll(timeout_ms=300).values():
            values += [json.loads(record.value) for record in batch if wanted.encode() in record.value]
    consumer.close()
    return values


def test_a_quote_is_priced_by_the_model_and_its_prediction_is_in_the_log(stage: Stage) -> None:
    found = quote(stage)
    assert found["lineage"]["price_source"] == "model"
    assert found["lineage"]["model"] == stage.model
    assert found["lineage"]["window_age_s"] < 10
    (record,) = records(stage, "predictions", found["quote_id"])
    assert record["version"] == found["lineage"]["version"]
    served = dict(zip(record["feature_names"], record["features"], strict=True))
    assert served["rider_bookings_30d"] == 7
    assert served["cabs_available_5km"] > 0
    assert round(served["est_distance_m"]) == found["distance_m"]


def test_a_quote_is_booked_once_at_its_price_and_found_again(stage: Stage, client: httpx.Client) -> None:
    found = quote(stage)
    body = {"quote_token": found["quote_token"]}
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/bookings", json=body, headers=bearer(stage)), range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    booking = next(answer.json() for answer in answers if answer.status_code == 201)
    assert booking["price"] == found["price"]
    assert {answer.json()["booking_id"] for answer in answers} == {booking["booking_id"]}
    path = f"/v1/bookings/{booking['booking_id']}"
    assert client.get(path, headers=bearer(stage)).json() == booking
    assert client.get(path, headers=bearer(stage, subject="r-2")).status_code == 403


def test_twenty_duplicates_under_one_key_get_one_answer(stage: Stage, client: httpx.Client) -> None:
    body = {"quote_token": quote(stage)["quote_token"]}
    headers = bearer(stage) | {"Idempotency-Key": f"k-{wall_ms()}"}
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/bookings", json=body, headers=headers), range(20)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1


def test_the_map_follows_the_window_and_is_not_sent_twice(stage: Stage, client: httpx.Client) -> None:
    headers = bearer(stage, "driver", "d-1")
    until(lambda: client.get("/v1/surge/map", headers=headers).status_code == 200)
    first = client.get("/v1/surge/map", headers=headers)
    assert len(first.json()["features"]) > 50
    assert all(feature["properties"]["price_source"] == "model" for feature in first.json()["features"])
    until(lambda: client.get("/v1/surge/map", headers=headers).headers["ETag"] != first.headers["ETag"], 5)
    stage.feeding.clear()
    time.sleep(1.5)
    still = client.get("/v1/surge/map", headers=headers)
    again = client.get("/v1/surge/map", headers=headers | {"If-None-Match": still.headers["ETag"]})
    stage.feeding.set()
    assert again.status_code == 304


def test_a_stale_window_degrades_and_heals(stage: Stage) -> None:
    stage.feeding.clear()
    until(lambda: any(told.startswith("live_window: stale ") for told in quote(stage)["degraded"]), 60)
    stage.feeding.set()
    until_undegraded(stage)


def test_a_killed_model_server_degrades_and_heals(stage: Stage) -> None:
    stage.end("model_server", 9)
    degraded = quote(stage)
    assert degraded["lineage"]["price_source"] != "model"
    assert any(told.startswith("model: ") for told in degraded["degraded"]), degraded["degraded"]
    stage.start("model_server")
    stage.wait_ready("model_server")
    until_undegraded(stage)


def test_a_cap_is_in_force_at_once_shared_and_kept(stage: Stage, client: httpx.Client) -> None:
    body = {"max_multiplier": 1.0, "until": format_rfc3339(wall_ms() + 5_000), "reason": "a test"}
    path = f"/v1/cities/{stage.city.id}/surge-cap"
    assert client.put(path, json=body, headers=bearer(stage)).status_code == 403
    set_cap = client.put(path, json=body, headers=bearer(stage, "operator", "ops-1"))
    assert set_cap.status_code == 200
    assert quote(stage)["surge"]["multiplier"] == 1.0
    (city,) = client.get("/v1/cities", headers=bearer(stage)).json()["cities"]
    assert city["surge_cap"] == 1.0
    until(lambda: client.get("/v1/cities", headers=bearer(stage)).json()["cities"][0]["surge_cap"] == 2.5, 20)


def test_the_killed_front_end_comes_back_and_its_lease_is_taken_over(stage: Stage, client: httpx.Client) -> None:
    other = RedisSurgeMap(stage.redis, "another")
    assert not other.hold(stage.city.id)
    stage.end("pricing_api", 9)
    until(lambda: other.hold(stage.city.id), 10)
    other.release(stage.city.id)
    stage.start("pricing_api")
    stage.wait_ready("pricing_api")
    until_undegraded(stage)
