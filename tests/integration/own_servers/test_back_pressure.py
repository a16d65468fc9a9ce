"""Servers that stand still: what cannot be kept is refused in time, what waits is bounded, and nothing accepted is lost."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import Counter

import pytest

from tests.integration.own_servers.installation import APPEND_SECONDS, Installation, load, until
from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.kafka_client import ARROW, Producer
from wayfare.adapters.kafka_consumer import read_partitions
from wayfare.adapters.kafka_events import KIND_HEADER
from wayfare.domain.errors import LogUnavailable
from wayfare.domain.times import format_rfc3339

pytestmark = pytest.mark.timeout(300)  # a broker of its own, and outages that must outlast its clients' patience

REDIS_STANDS_STILL_SECONDS = 6.0


def pings_in_the_log(own: Installation) -> Counter[str]:
    found: Counter[str] = Counter()
    for record in read_partitions(own.options, "driver-pings"):
        headers = dict(record.headers)
        if KIND_HEADER in headers:
            continue
        if headers["content-type"] == ARROW.encode():
            rows = arrow_events.events_of("driver-pings", arrow_events.unpack("driver-pings", record.value))
            found.update(f"{event.driver_id}@{format_rfc3339(event.t_ms)}" for event, _city, _ms in rows)
        else:
            event = json_events.recorded("driver-pings", record.value).event
            found[f"{event.identity}@{format_rfc3339(event.t_ms)}"] += 1
    return found


def test_while_kafka_stands_still_events_are_refused_in_time_and_none_accepted_is_lost(own):
    with load(own, threads=40, batch=200) as answers:
        until(lambda: len(answers) > 100, "events are accepted")
        assert {status for status, _seconds, _retry in answers} == {202}
        before = own.memory_mib("events_api")
        with own.frozen("kafka"):
            began, first = time.monotonic(), len(answers)
            time.sleep(4 * APPEND_SECONDS)
            middle = len(answers)
            time.sleep(8 * APPEND_SECONDS)
            during, grown = answers[middle:], own.memory_mib("events_api") - before
            assert time.monotonic() - began > 10
            assert len(answers) > first
        until(lambda: [status for status, _seconds, _retry in answers[-20:]] == [202] * 20, "events are accepted again")
    assert during
    assert {(status, retry is not None) for status, _seconds, retry in during} == {(503, True)}
    # Sixteen threads serve forty apps: an app waits for two others, each as long as the log is given, and a little.
    assert max(seconds for _status, seconds, _retry in answers) < 3 * 2 * APPEND_SECONDS + 2
    assert grown < 64, "what is refused is not kept"
    held = pings_in_the_log(own)
    assert own.accepted <= held.keys()
    assert len(own.accepted) > 10_000
    until(lambda: own.counted() == sum(held.values()), "every ping of the log is counted once")
    assert own.proven() > 8


def test_a_producer_that_gave_up_leaves_no_thread_behind(own):
    before = set(threading.enumerate())
    producer = Producer(own.options, timeout_seconds=1.0)
    sent = functools.partial(
        producer.send, "predictions.dead-letter", b"{}", None, [("content-type", b"application/json")]
    )

    def taken() -> bool:
        with contextlib.suppress(LogUnavailable):
            producer.wait([sent()])
        return producer.problem is None

    until(taken, "the log takes a record")
    with own.frozen("kafka"):
        first = sent()
        time.sleep(0.6)
        sent()  # has time left when the first has none
        with pytest.raises(LogUnavailable):
            producer.wait([first])
    until(taken, "the log takes a record again")
    until(lambda: len(_senders(before)) == 1, "only the producer in use has a thread")
    producer.close()
    until(lambda: set(threading.enumerate()) <= before, "none has")


def _senders(before: set[threading.Thread]) -> list[str]:
    return [t.name for t in threading.enumerate() if t not in before and t.name.endswith("network-thread")]


def test_while_redis_stands_still_ingest_reads_no_further_its_lag_shows_and_then_drains(own):
    until(lambda: own.counted() == sum(pings_in_the_log(own).values()), "ingest is at the log's end")
    rebuilds = own.metric("ingest", "wayfare_window_rebuilds_total")
    before = own.memory_mib("ingest")
    sent, seen = 0, {"window": "", "lag": 0.0}

    def told() -> bool:
        """Of what apps go on sending meanwhile: that it cannot be written, and how much of it waits to be read."""
        nonlocal sent
        answer = own.post(events, [f"r{sent}-{i}" for i in range(100)])
        assert answer.status_code == 202, "the log takes events whatever Redis does"
        sent += 1
        seen["window"] = seen["window"] or own.reasons("ingest").get("window", "")
        seen["lag"] = max(seen["lag"], own.metric("ingest", "wayfare_ingest_lag_records"))
        return bool(seen["window"]) and seen["lag"] > 8

    with own.client() as events, own.frozen("redis"):
        began = time.monotonic()
        until(
            lambda: told() and time.monotonic() - began > REDIS_STANDS_STILL_SECONDS,
            "for a while ingest says that Redis takes nothing, and its lag shows",
        )
    assert "cannot be written" in seen["window"]
    assert own.memory_mib("ingest") - before < 64, "nothing more is read until Redis takes what was"
    until(lambda: own.reasons("ingest") == {}, "ingest is ready again")
    until(lambda: own.counted() == sum(pings_in_the_log(own).values()), "lag has drained")
    until(lambda: own.metric("ingest", "wayfare_ingest_lag_records") <= 8, "lag shows as drained, but for newest ticks")
    assert own.metric("ingest", "wayfare_window_rebuilds_total") == rebuilds, "Redis had lost nothing"
    assert own.metric("ingest", "wayfare_ingest_held") == 0
    assert own.proven() > 8
    assert own.metric("ingest", "wayfare_event_to_window_seconds_count") > 0
