"""drift_monitor: folds the log on a thread of its own, and answers what is known of drift over HTTP."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable

from flask import Flask

from services.drift_monitor.folding import Folder
from services.drift_monitor.judging import Judge
from services.drift_monitor.references import ArtifactReferences
from services.drift_monitor.routes import routes
from services.drift_monitor.settings import DriftSettings
from services.drift_monitor.steps import TOPICS, DriftMonitor
from services.drift_monitor.telling import Telling
from wayfare.adapters.ed25519_signing import trusted_keys
from wayfare.adapters.file_registry import FileRegistry
from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.adapters.jwks_keys import KeySet
from wayfare.adapters.jwt_tokens import JwtTokens
from wayfare.adapters.kafka_client import Producer
from wayfare.adapters.kafka_group import GroupConsumer
from wayfare.adapters.kafka_records import KafkaRecordLog
from wayfare.adapters.kafka_registers import RegisterReader, RegisterWriter
from wayfare.domain.callers import TokenVerifier
from wayfare.runtime import logs
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.health import Health
from wayfare.runtime.settings import load
from wayfare.runtime.web.app import create_app
from wayfare.runtime.web.gunicorn_runner import serve
from wayfare.runtime.worker import step_until, watch

DESCRIPTION = "Drift of models: states of all checks, figures beside training's, a report to read."


def application(settings: DriftSettings, telling: Telling, verifier: TokenVerifier) -> Flask:
    """The HTTP application over given parts."""
    return create_app(
        "drift_monitor",
        routes(telling),
        verifier=verifier,
        rate_per_second=settings.rate_per_second,
        rate_burst=settings.rate_burst,
        deadline_seconds=settings.deadline_seconds,
        description=DESCRIPTION,
    )


def monitor_of(settings: DriftSettings, cities: FileRegistry) -> tuple[DriftMonitor, Telling, KafkaRecordLog]:
    """The worker, wired; nothing is connected yet."""
    options = settings.kafka_options()
    producer, events = Producer(options, settings.ack_timeout_seconds), KafkaRecordLog(options)
    store = ArtifactStore(settings.artifact_store)
    references = ArtifactReferences(store, trusted_keys(settings.trusted_keys_dir), time.monotonic)
    reader, writer = RegisterReader(options), RegisterWriter(producer, secrets.token_hex(4))
    telling = Telling(reader.held, cities.now, references, wall_ms, settings.grace_seconds, settings.late_seconds)
    worker = DriftMonitor(
        GroupConsumer(options, settings.drift_group, TOPICS, settings.poll_records),
        producer,
        reader,
        writer,
        Folder(references, reader.held, lambda city: city in cities.now().ids()),
        Judge(reader, writer, events, references, cities.now, wall_ms, settings),
        telling,
        settings,
        time.monotonic,
    )
    return worker, telling, events


def build(settings: DriftSettings, health: Health) -> tuple[Flask, Callable[[], None]]:
    """Everything of this process, in the worker: the application, and how to end the rest."""
    cities = FileRegistry(settings.cities_file, settings.env == "production")
    keys = KeySet(settings.jwks, production=settings.env == "production")
    keys.start()
    tokens = JwtTokens(keys, settings.token_issuer)
    worker, telling, events = monitor_of(settings, cities)
    stop = threading.Event()

    def step() -> None:
        try:
            step_until(stop, "drift", worker)
        except Exception:
            # Told and counted by step_until. A process that no longer counts must not go on answering.
            os._exit(1)

    thread = threading.Thread(target=step, name="drift", daemon=True)
    thread.start()
    health.add("tokens", tokens.ready)
    watch(health, worker.problems)

    def end() -> None:
        stop.set()
        thread.join(settings.drain_seconds)
        worker.close()
        events.close(1.0)
        keys.stop()
        logs.logger().info("stopped")

    return application(settings, telling, tokens), end


def main() -> None:
    """Serve until SIGTERM."""
    settings = load(DriftSettings)
    serve("drift_monitor", settings, lambda health: build(settings, health))


if __name__ == "__main__":
    main()
