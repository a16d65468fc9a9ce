"""Ingest: the streams into one-minute panes per city, to Redis for front ends and to the topic `panes` for ever."""

from __future__ import annotations

import functools
import time

import redis

from services.ingest.settings import IngestSettings
from services.ingest.steps import TOPICS, Ingest
from wayfare.adapters.kafka_client import Producer
from wayfare.adapters.kafka_consumer import GroupConsumer
from wayfare.adapters.kafka_snapshots import KafkaSnapshots
from wayfare.adapters.redis_window import RedisWindow
from wayfare.runtime import logs, metrics, settings, shutdown
from wayfare.runtime.health import Health, serve_admin


def create(told: IngestSettings) -> Ingest:
    """The consumer, wired; nothing is connected yet."""
    options = told.kafka_options()
    producer = Producer(options, told.ack_timeout_seconds)
    client = redis.Redis.from_url(
        told.redis_url,
        socket_timeout=told.redis_timeout_seconds,
        socket_connect_timeout=told.redis_timeout_seconds,
        health_check_interval=15,
    )
    return Ingest(
        GroupConsumer(options, told.group, TOPICS, told.poll_records),
        producer,
        KafkaSnapshots(options, producer),
        RedisWindow(client),
        told,
        time.monotonic,
    )


def main() -> None:
    """Run until told to stop."""
    told = settings.load(IngestSettings)
    logs.configure("ingest", told.log_level)
    stop = shutdown.stop_on_signals()
    ingest = create(told)
    health = Health()
    for what in ingest.problems:
        health.add(what, functools.partial(ingest.problems.get, what))
    admin = serve_admin(health, told.admin_host, told.admin_port)
    log = logs.logger()
    log.info("started", admin_port=admin.server_address[1])
    pause = 0.1
    while not stop.is_set():
        try:
            ingest.step()
        except Exception:
            # A defect must not lose the log's place: the process ends, and its supervisor starts it again from the
            # last snapshot.
            metrics.EXCEPTIONS.labels("ingest").inc()
            log.exception("step failed")
            raise
        if any(ingest.problems.values()):
            stop.wait(pause)
            pause = min(pause * 2, 1.0)
        else:
            pause = 0.1
    health.stopping()
    ingest.close()
    admin.shutdown()
    log.info("stopped")


if __name__ == "__main__":
    main()
