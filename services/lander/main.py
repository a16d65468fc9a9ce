"""The lander: trips, panes, predictions and bookings from Kafka into the lake that Hive reads."""

from __future__ import annotations

import functools
import time

from services.lander.settings import LanderSettings
from services.lander.steps import TOPICS, Lander
from wayfare.adapters.file_registry import FileRegistry
from wayfare.adapters.kafka_client import Producer
from wayfare.adapters.kafka_consumer import GroupConsumer
from wayfare.runtime import logs, metrics, settings, shutdown
from wayfare.runtime.health import Health, serve_admin


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
    logs.configure("lander", told.log_level)
    stop = shutdown.stop_on_signals()
    lander = create(told)
    health = Health()
    for what in lander.problems:
        health.add(what, functools.partial(lander.problems.get, what))
    admin = serve_admin(health, told.admin_host, told.admin_port)
    log = logs.logger()
    log.info("started", admin_port=admin.server_address[1])
    pause = 0.1
    while not stop.is_set():
        try:
            lander.step()
        except Exception:
            # A defect must not lose the lake's place: the process ends and starts again from what has landed.
            metrics.EXCEPTIONS.labels("lander").inc()
            log.exception("step failed")
            raise
        if any(lander.problems.values()):
            stop.wait(pause)
            pause = min(pause * 2, 1.0)
        else:
            pause = 0.1
    health.stopping()
    lander.close()
    admin.shutdown()
    log.info("stopped")


if __name__ == "__main__":
    main()
