"""The lander: trips, panes, predictions and bookings from Kafka into the lake that Hive reads."""

from __future__ import annotations

import time

from services.lander.settings import LanderSettings
from services.lander.steps import TOPICS, Lander
from wayfare.adapters.file_registry import FileRegistry
from wayfare.adapters.kafka_client import Producer
from wayfare.adapters.kafka_group import GroupConsumer
from wayfare.runtime import settings, worker


def create(told: LanderSettings) -> Lander:
    """The consumer, wired; nothing is connected yet."""
    options = told.kafka_options()
    registry = FileRegistry(told.cities_file, told.env == "production")
    return Lander(
        GroupConsumer(options, told.group, TOPICS, told.poll_records),
        Producer(options, told.ack_timeout_seconds),
        told.lake,
        registry.now,
        told,
        time.monotonic,
    )


def main() -> None:
    """Run until told to stop."""
    told = settings.load(LanderSettings)
    worker.serve("lander", told, lambda: create(told))


if __name__ == "__main__":
    main()
