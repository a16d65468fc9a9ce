"""From the broker to the window, one consumer process: ingest as it is run, a loop over messages, Quix Streams.

The same pings stand in one broker packed by the thousand, where ingest reads them, and one JSON record each, where the peers do.
Ingest is frozen while its share is written, so that it begins with all of it waiting, and is done when Redis covers the
log's end: closed panes, snapshots and the writes to Redis are in its figure. The loop is kafka-python, `json.loads` and a
dict; Quix Streams runs the same dict in a callback (a state store would cost it more). Neither writes its counts anywhere.
All must come to the same cabs in the same cells. Seconds are of each process's CPU, its start left out.
"""

from __future__ import annotations

import json
import os
import pathlib
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import kafka
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import redis
from kafka.admin import KafkaAdminClient, NewTopic

from bench.ingest_decode import pings_of
from bench.paired import ratios
from bench.peer_environment import ROOT, STREAM_PEERS, python
from bench.soak.processes import Process, running, until
from bench.stage import free_port
from bench.tally import Counts, Tally
from local.stack import Stack
from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.kafka_client import ARROW, JSON
from wayfare.adapters.redis_window import PartitionStatus, RedisWindow, ingest_status
from wayfare.domain.streams.events import DriverPing
from wayfare.domain.streams.panes import PANE_MS

TOPIC = "driver-pings"
CITY = "sf"
EVERY_MS = 4_000
DRIVERS = 5_000
PER_RECORD = 1_000


def run(quick: bool) -> dict[str, Any]:
    """Start Kafka and Redis, measure, stop them."""
    with tempfile.TemporaryDirectory(prefix="wayfare-bench-") as name:
        servers = Stack(pathlib.Path(name))
        try:
            addresses = servers.start(["kafka", "redis"])
            return measure(servers, addresses.kafka_bootstrap, addresses.redis_url, quick)
        finally:
            servers.stop()


class _Log:
    """Cabs that drive a way and back again, for ever: each way is as many pings, with later times."""

    def __init__(self, bootstrap: str, fixes: int) -> None:
        there = pings_of(DRIVERS, fixes)
        drivers = len(there) // fixes
        back = [ping for turn in reversed(range(fixes)) for ping in there[turn * drivers : (turn + 1) * drivers]]
        self._way_ms, self._ways = fixes * EVERY_MS, 0
        self.pings_per_way = len(there)
        started = there[0].t_ms
        # The way back ends where the way there began, so that the next one goes on from where the cabs are.
        self.back = [
            DriverPing(p.driver_id, started + at // drivers * EVERY_MS, p.lat, p.lon, p.status)
            for at, p in enumerate(back)
        ]
        self._packed = [_packed(there), _packed(self.back)]
        self.bytes_per_ping = sum(len(arrow_events.write(batch)) for batch in self._packed[0]) / len(there)
        self._producer = kafka.KafkaProducer(
            bootstrap_servers=bootstrap,
            compression_type="lz4",
            linger_ms=5,
            batch_size=65_536,
            max_request_size=4_000_000,
        )

    def send_ways(self, count: int) -> int:
        """Send packed pings of so many ways; log time at their end. An even number ends where `back` does."""
        for _ in range(count):
            for batch in self._packed[self._ways % 2]:
                value = _later(batch, self._ways * self._way_ms)
                self._producer.send(TOPIC, value, b"", [("content-type", ARROW.encode())], partition=0)
            self._ways += 1
        self._producer.flush()
        return self.back[0].t_ms + self._ways * self._way_ms - EVERY_MS

    def send_loose(self, name: str) -> None:
        """The way back, one JSON record each."""
        for ping in self.back:
            value = json_events.record_bytes(ping, CITY, ping.t_ms)
            self._producer.send(name, value, ping.driver_id.encode(), [("content-type", JSON.encode())])
        self._producer.flush()

    def close(self) -> None:
        self._producer.close()


def _packed(pings: Sequence[DriverPing]) -> list[pa.RecordBatch]:
    parts = [pings[at : at + PER_RECORD] for at in range(0, len(pings), PER_RECORD)]
    return [arrow_events.unpack(TOPIC, arrow_events.pack(TOPIC, CITY, part, part[0].t_ms)) for part in parts]


def _later(batch: pa.RecordBatch, ms: int) -> bytes:
    columns = [
        pc.add(column.cast(pa.int64()), ms).cast(field.type) if pa.types.is_timestamp(field.type) else column
        for field, column in zip(batch.schema, batch.columns, strict=True)
    ]
    return arrow_events.write(pa.record_batch(columns, batch.schema))


def measure(servers: Stack, bootstrap: str, redis_url: str, quick: bool) -> dict[str, Any]:
    """The figures over running servers."""
    turns, ways, fixes = (2, 4, 8) if quick else (5, 12, 24)
    log = _Log(bootstrap, fixes)
    loose = f"bench-{secrets.token_hex(4)}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(loose, num_partitions=1, replication_factor=1)])
    admin.close()
    log.send_loose(loose)
    client = redis.Redis.from_url(redis_url, socket_timeout=10.0)
    variables = {
        "WAYFARE_STATE": str(servers.layout.state),
        "WAYFARE_KAFKA_BOOTSTRAP": bootstrap,
        "WAYFARE_REDIS_URL": redis_url,
        "WAYFARE_ADMIN_PORT": str(free_port()),
    }
    seconds: dict[str, list[float]] = {"packed": [], "loop": [], "quix": []}
    wall: list[float] = []
    with running("services.ingest.main", variables, servers.layout.logs / "ingest-bench.log") as ingest:
        log.send_ways(2)
        until(lambda: _applied(client) == 2 * log.pings_per_way, "ingest has counted its first pings")
        for turn in range(turns):
            applied = (2 + (turn + 1) * ways) * log.pings_per_way
            counts, cpu, took = _ingested(ingest, client, log, ways, applied)
            found = {
                "packed": (counts, cpu),
                "loop": _loop(bootstrap, loose, log.pings_per_way),
                "quix": _quix(bootstrap, loose, log.pings_per_way),
            }
            if not counts or any(other != counts for other, _cpu in found.values()):
                raise AssertionError("every way must count the same cabs in the same cells, got other counts")
            for name, (_counts, cpu) in found.items():
                seconds[name].append(cpu / (ways if name == "packed" else 1))
            wall.append(took / ways)
    log.close()
    client.close()
    over = {peer: ratios(seconds[peer], seconds["packed"]) for peer in ("loop", "quix")}
    return {
        "name": "broker_to_window",
        "what": "pings from the broker to the window, one consumer process, packed 1,000 to a record",
        "peer": "kafka-python + json + dict (Quix Streams in the figures)",
        "ratios": over["loop"],
        "aim": "at least 10",
        "figures": {
            "pings": log.pings_per_way * ways,
            "bytes_per_ping": log.bytes_per_ping,
            "over_quix_median": statistics.median(over["quix"]),
            "over_quix_least": min(over["quix"]),
            "over_quix_most": max(over["quix"]),
            "packed_wall_pings_per_s": log.pings_per_way / statistics.median(wall),
            **{f"{name}_pings_per_s": log.pings_per_way / statistics.median(took) for name, took in seconds.items()},
        },
    }


def _status(client: redis.Redis) -> PartitionStatus | None:
    return next((s for s in ingest_status(client, CITY) if (s.topic, s.partition) == (TOPIC, 0)), None)


def _applied(client: redis.Redis) -> int:
    status = _status(client)
    if status is not None and any(status.rejected.values()):
        raise AssertionError(f"no ping may be rejected, got {dict(status.rejected)}")
    return 0 if status is None else status.applied


def _ingested(ingest: Process, client: redis.Redis, log: _Log, ways: int, applied: int) -> tuple[Counts, float, float]:
    """Counts by cell once all has been taken, and seconds by ingest's CPU and by the wall."""
    process = psutil.Process(ingest.pid)
    ingest.freeze()
    try:
        ends_ms = log.send_ways(ways)
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
    finally:
        ingest.thaw()
    while _applied(client) < applied:
        if time.monotonic() - began > 120:
            raise AssertionError(f"ingest must count {applied} pings, got {_applied(client)} in 120 s")
        time.sleep(0.01)
    spent, took = sum(process.cpu_times()[:2]) - before, time.monotonic() - began
    held = RedisWindow(client).read(CITY, ends_ms // PANE_MS)
    open_panes = [r for r in held if (r.gauge, r.partition) == ("cabs_available", 0)]
    newest = max(open_panes, key=lambda register: register.pane)
    return dict(zip(newest.cells.tolist(), newest.counts.tolist(), strict=True)), spent, took


def _loop(bootstrap: str, name: str, records: int) -> tuple[Counts, float]:
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=8 * 2**20, fetch_max_wait_ms=50
    )
    # Not by a group: kafka-python 3.0.12 can halt when it joins one.
    partition = kafka.TopicPartition(name, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    tally, left, began = Tally(), records, 0.0
    try:
        while left > 0:
            now = time.process_time()
            for found in consumer.poll(timeout_ms=50, max_records=5_000).values():
                began = began or now
                for record in found:
                    tally.take(json.loads(record.value))
                left -= len(found)
        return tally.counts(), time.process_time() - began
    finally:
        consumer.close()


def _quix(bootstrap: str, name: str, records: int) -> tuple[Counts, float]:
    done = subprocess.run(
        [python(STREAM_PEERS), "-m", "bench.quix_counts", bootstrap, name, str(records)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    return {int(cell): count for cell, count in answer["counts"].items()}, answer["seconds"]


if __name__ == "__main__":
    print(json.dumps(run("--quick" in sys.argv), indent=1))
