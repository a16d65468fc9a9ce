"""Ingest: the streams into one-minute panes per city, to Redis for front ends and to the topic `panes` for ever."""

from __future__ import annotations

import time

import redis

from services.ingest.settings import IngestSettings
from services.ingest.steps import Ingest
from wayfare.adapters.kafka_client import Producer
from wayfare.adapters.kafka_generations import Generations
from wayfare.adapters.kafka_group import GroupConsumer
from wayfare.adapters.kafka_snapshots import KafkaSnapshots
from wayfare.adapters.redis_window import RedisWindow
from wayfare.inventory import LIVE_TOPICS
from wayfare.runtime import settings, worker


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
        GroupConsumer(
            options, told.group, LIVE_TOPICS, told.poll_records, Generations(options, told.ack_timeout_seconds)
        ),
        producer,
        KafkaSnapshots(options, producer),
        RedisWindow(client),
        told,
        time.monotonic,
    )


def main() -> None:
    """Run until told to stop."""
    told = settings.load(IngestSettings)
    worker.serve("ingest", told, lambda: create(told))


if __name__ == "__main__":
    main()
