"""events_api: events over HTTP into the log, and the ticks that move its time."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from services.events_api.record import Recorder
from services.events_api.routes import routes
from services.events_api.settings import EventsSettings
from wayfare.adapters import arrow_events
from wayfare.adapters.file_registry import FileRegistry
from wayfare.adapters.jwks_keys import KeySet
from wayfare.adapters.jwt_tokens import JwtTokens
from wayfare.adapters.kafka_events import KafkaEventLog
from wayfare.domain.callers import TokenVerifier
from wayfare.domain.city import Registry
from wayfare.domain.streams.log import EventLog
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.health import Health
from wayfare.runtime.settings import load
from wayfare.runtime.ticker import Ticker
from wayfare.runtime.web.app import create_app
from wayfare.runtime.web.gunicorn_runner import serve

DESCRIPTION = "Events of drivers, riders and services, answered once the log has acknowledged all of them."


def application(
    settings: EventsSettings,
    log: EventLog,
    registry: Callable[[], Registry],
    verifier: TokenVerifier,
    wall: Callable[[], int] = wall_ms,
) -> Flask:
    """The HTTP application over given parts."""
    return create_app(
        "events_api",
        routes(Recorder(log, registry, wall)),
        verifier=verifier,
        rate_per_second=settings.rate_per_second,
        rate_burst=settings.rate_burst,
        deadline_seconds=settings.deadline_seconds,
        description=DESCRIPTION,
    )


def build(settings: EventsSettings, health: Health) -> tuple[Flask, Callable[[], None]]:
    """Everything of this process, in the worker: the application, and how to end the rest."""
    production = settings.env == "production"
    cities = FileRegistry(settings.cities_file, production)
    keys = KeySet(settings.jwks, production=production)
    keys.start()
    tokens = JwtTokens(keys, settings.token_issuer)
    log = KafkaEventLog(settings.kafka_options(), settings.append_seconds, settings.gather_seconds)
    log.start()
    # The first batch that is packed makes Arrow import what it needs, which would cost the first caller a second.
    arrow_events.pack("driver-pings", "", [], 0)
    ticker = Ticker(log, cities.now, wall_ms, settings.tick_seconds)
    ticker.start()
    health.add("tokens", tokens.ready)
    health.add("cities", lambda: None if cities.now().ids() else "no city is registered")
    health.add("log", ticker.ready)

    def stop() -> None:
        ticker.stop()
        keys.stop()
        log.close()

    return application(settings, log, cities.now, tokens), stop


def main() -> None:
    """Serve until SIGTERM."""
    settings = load(EventsSettings)
    serve("events_api", settings, lambda health: build(settings, health))


if __name__ == "__main__":
    main()
