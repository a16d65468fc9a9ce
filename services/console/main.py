"""console: City now for operators, in a browser."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor

from flask import Flask

from services.console import page
from services.console.figures import Reader
from services.console.handlers import Handlers
from services.console.routes import routes
from services.console.sessions import Cookies
from services.console.settings import ConsoleSettings
from services.console.shared import Shared
from wayfare.adapters.file_registry import FileRegistry
from wayfare.adapters.http_json import HttpJson
from wayfare.adapters.jwks_keys import KeySet
from wayfare.adapters.jwt_tokens import JwtTokens
from wayfare.adapters.prometheus_queries import PrometheusQueries
from wayfare.adapters.sealed_sessions import SealedSessions, session_key
from wayfare.domain.callers import TokenVerifier
from wayfare.domain.city import Registry
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.health import Health
from wayfare.runtime.settings import load
from wayfare.runtime.web.app import create_app
from wayfare.runtime.web.gunicorn_runner import serve

DESCRIPTION = "Pages for operators: sign-in by token, City now."
ASKING = 12
"""Questions to Prometheus at the same time: one reading of one city."""


def application(
    settings: ConsoleSettings,
    registry: Callable[[], Registry],
    verifier: TokenVerifier,
    key: bytes,
    pool: Executor,
    wall: Callable[[], int] = wall_ms,
) -> Flask:
    """The HTTP application over given parts; opens no connection."""
    prometheus = PrometheusQueries(
        HttpJson(
            "Prometheus",
            settings.prometheus_url,
            settings.prometheus_seconds,
            ca_file=settings.prometheus_ca_file,
            bearer_file=settings.prometheus_token_file,
        )
    )
    reader = Reader(prometheus, pool, wall, stale_s=settings.stale_seconds, unknown_s=settings.unknown_seconds)
    cookies = Cookies(SealedSessions(key, wall), settings.console_tls)
    own = Handlers(
        registry=registry,
        reader=reader,
        pricing=HttpJson("pricing_api", settings.pricing_url, settings.pricing_seconds),
        cookies=cookies,
        session_s=settings.session_seconds,
        wall_ms=wall,
        now=Shared(settings.refresh_seconds),
        maps=Shared(settings.refresh_seconds),
    )
    app = create_app(
        "console",
        routes(own),
        verifier=verifier,
        rate_per_second=settings.rate_per_second,
        rate_burst=settings.rate_burst,
        deadline_seconds=settings.deadline_seconds,
        description=DESCRIPTION,
        credential=cookies.credential,
    )
    page.install(app, tls=settings.console_tls)
    return app


def build(settings: ConsoleSettings, health: Health) -> tuple[Flask, Callable[[], None]]:
    """Everything of this process, in the worker: the application, and how to end the rest.

    Ready without Prometheus and pricing_api: telling that they are silent is what it is for.
    """
    production = settings.env == "production"
    cities = FileRegistry(settings.cities_file, production)
    keys = KeySet(settings.jwks, production=production)
    tokens = JwtTokens(keys, settings.token_issuer)
    pool = ThreadPoolExecutor(ASKING, thread_name_prefix="prometheus")
    app = application(settings, cities.now, tokens, session_key(settings.session_key_file), pool)
    keys.start()
    health.add("tokens", tokens.ready)
    health.add("cities", lambda: None if cities.now().ids() else "no city is registered")

    def stop() -> None:
        keys.stop()
        pool.shutdown(wait=False, cancel_futures=True)

    return app, stop


def main() -> None:
    """Serve until SIGTERM."""
    settings = load(ConsoleSettings)
    serve("console", settings, lambda health: build(settings, health))


if __name__ == "__main__":
    main()
