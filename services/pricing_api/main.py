"""pricing_api: quotes, bookings, the surge map, cities and operator caps over HTTP."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flask import Flask

from services.pricing_api.copies import Copies
from services.pricing_api.handlers import Handlers
from services.pricing_api.loops import Loops
from services.pricing_api.models import Models
from services.pricing_api.pseudonyms import pseudonym_key
from services.pricing_api.routes import routes
from services.pricing_api.settings import PricingSettings
from services.pricing_api.timed import TimedPredictor
from wayfare.adapters import cassandra_caps, cassandra_ledger, redis_client
from wayfare.adapters.cassandra_background import BackgroundSession
from wayfare.adapters.cassandra_caps import CassandraCaps
from wayfare.adapters.cassandra_features import CassandraFeatures
from wayfare.adapters.cassandra_ledger import CassandraLedger
from wayfare.adapters.ed25519_signing import TrustedKeys
from wayfare.adapters.file_registry import FileRegistry
from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.adapters.grpc_predictor import GrpcPredictor, Tls
from wayfare.adapters.jwks_keys import KeySet
from wayfare.adapters.jwt_quotes import JwtQuotes
from wayfare.adapters.jwt_tokens import JwtTokens
from wayfare.adapters.kafka_records import KafkaRecordLog
from wayfare.adapters.redis_features import RedisFeatures
from wayfare.adapters.redis_idempotency import RedisIdempotency
from wayfare.adapters.redis_live import RedisLive
from wayfare.adapters.redis_surge_map import RedisSurgeMap
from wayfare.adapters.redis_window import RedisWindow
from wayfare.domain.breaker import Breaker
from wayfare.domain.callers import TokenVerifier
from wayfare.domain.city import Registry
from wayfare.domain.features.stores import RiderStore
from wayfare.domain.idempotency import IdempotencyStore
from wayfare.domain.models.predictor import Predictor
from wayfare.domain.pricing.booking import Booker
from wayfare.domain.pricing.caps import CapStore
from wayfare.domain.pricing.histories import HistorySource, LayeredHistories
from wayfare.domain.pricing.ledger import Ledger
from wayfare.domain.pricing.pricer import Pricer
from wayfare.domain.pricing.quote import QuoteLock
from wayfare.domain.pricing.quoting import Quoter, QuoteRules
from wayfare.domain.pricing.records import pseudonym
from wayfare.domain.streams.log import RecordLog
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.health import Health
from wayfare.runtime.metrics import PREDICTIONS_LOST
from wayfare.runtime.settings import load
from wayfare.runtime.web.app import create_app
from wayfare.runtime.web.gunicorn_runner import serve

DESCRIPTION = "Prices out: locked, explained quotes; bookings at the quoted price; the surge map; operator caps."
SWITCH_S = 0.0005
GATHER_S = 0.1
"""Predictions are sent together this often: sent one by one, each would cost more than the quote it tells of."""
BACKGROUND_REDIS_S = 0.5
"""Longest wait of a refresher for Redis: no request waits for it."""


@dataclass(frozen=True)
class Parts:
    """What the application asks of the outside, by role; tests put twins here."""

    registry: Callable[[], Registry]
    riders: dict[str, RiderStore]
    lock: QuoteLock
    log: RecordLog
    ledger: Ledger
    caps: CapStore
    verifier: TokenVerifier
    idempotency: IdempotencyStore | None
    key: bytes


def pricer_of(settings: PricingSettings, predictor: Predictor) -> Pricer:
    """The one pricer of a process: quotes and the map share its breaker."""
    return Pricer(predictor, _breaker(settings), settings.stale_after_seconds)


def application(settings: PricingSettings, parts: Parts, copies: Copies, wall: Callable[[], int] = wall_ms) -> Flask:
    """The HTTP application over given parts."""
    waits = {"redis": settings.rider_redis_seconds, "cassandra": settings.rider_cassandra_seconds}
    histories = LayeredHistories(
        [HistorySource(name, store, _breaker(settings), waits[name]) for name, store in parts.riders.items()],
        settings.rider_keep_seconds,
        settings.rider_keep_most,
        time.monotonic,
    )
    name_in_log = partial(pseudonym, parts.key)
    quoter = Quoter(
        pricer=copies.pricer,
        histories=histories,
        lock=parts.lock,
        log=parts.log,
        rules=QuoteRules(
            settings.quote_life_seconds,
            settings.quote_deadline_seconds,
            settings.quote_reserve_seconds,
            settings.predict_seconds,
        ),
        wall_ms=wall,
        monotonic_s=time.monotonic,
        unique=lambda: secrets.token_hex(16),
        pseudonym=name_in_log,
    )
    booker = Booker(
        lock=parts.lock,
        ledger=parts.ledger,
        pseudonym=name_in_log,
        city_ms=lambda city, at_ms: parts.registry().get(city).clock.at(at_ms),
        deadline_s=settings.booking_deadline_seconds,
        wall_ms=wall,
        monotonic_s=time.monotonic,
    )
    own = Handlers(
        registry=parts.registry,
        copies=copies,
        quoter=quoter,
        pricer=copies.pricer,
        booker=booker,
        ledger=parts.ledger,
        caps=parts.caps,
        wall_ms=wall,
        predict_s=settings.predict_seconds,
        tick_s=settings.map_tick_seconds,
    )
    return create_app(
        "pricing_api",
        routes(own, settings.quote_deadline_seconds, settings.booking_deadline_seconds),
        verifier=parts.verifier,
        rate_per_second=settings.rate_per_second,
        rate_burst=settings.rate_burst,
        deadline_seconds=settings.deadline_seconds,
        store=parts.idempotency,
        description=DESCRIPTION,
    )


def build(settings: PricingSettings, health: Health) -> tuple[Flask, Callable[[], None]]:
    """Everything of this process, in the worker: the application, and how to end the rest."""
    # A request that waits for a background step to give way waits this long at most, not the default of 5 ms.
    sys.setswitchinterval(SWITCH_S)
    production = settings.env == "production"
    key = pseudonym_key(settings.pseudonym_key_file)
    cities = FileRegistry(settings.cities_file, production)
    keys = KeySet(settings.jwks, production=production)
    tokens = JwtTokens(keys, settings.token_issuer)
    cassandra = BackgroundSession(settings, statements=(*cassandra_ledger.STATEMENTS, *cassandra_caps.STATEMENTS))
    background = redis_client.connect(settings.redis_url, BACKGROUND_REDIS_S)
    riders = redis_client.connect(settings.redis_url, settings.rider_redis_seconds)
    log = KafkaRecordLog(settings.kafka_options(), on_lost=PREDICTIONS_LOST.inc, gather_seconds=GATHER_S)
    predictor = GrpcPredictor(settings.model_server, _tls(settings))
    lock = JwtQuotes(settings.quote_keys_dir, settings.quote_life_seconds)
    caps = CassandraCaps(cassandra, settings.cassandra_timeout_seconds)
    features = CassandraFeatures(cassandra)
    copies = Copies(
        registry=cities.now,
        windows=RedisWindow(background),
        live=RedisLive(background),
        maps=RedisSurgeMap(background, secrets.token_hex(8)),
        caps=caps,
        cells=(RedisFeatures(background), features),
        pricer=pricer_of(settings, TimedPredictor(predictor)),
        settings=settings,
        wall_ms=wall_ms,
    )
    models = Models(
        ArtifactStore(settings.artifact_store),
        TrustedKeys(settings.trusted_keys_dir),
        settings.label,
        cities.now,
        copies,
    )
    parts = Parts(
        registry=cities.now,
        riders={"redis": RedisFeatures(riders), "cassandra": features},
        lock=lock,
        log=log,
        ledger=CassandraLedger(cassandra, settings.ledger_across_data_centers),
        caps=caps,
        verifier=tokens,
        idempotency=RedisIdempotency(redis_client.connect(settings.redis_url, settings.redis_timeout_seconds)),
        key=key,
    )
    keys.start()
    cassandra.start()
    log.start()
    loops = Loops()
    loops.start("live-copies", settings.refresh_seconds, copies.refresh)
    loops.start("truths", settings.truth_poll_seconds, copies.read_truths)
    loops.start("models", settings.model_poll_seconds, models.refresh)
    loops.start("surge-map", settings.map_tick_seconds, copies.compute_maps)
    health.add("tokens", tokens.ready)
    health.add("cities", lambda: None if cities.now().ids() else "no city is registered")
    health.add("model", models.problem)
    health.add("quote_keys", lock.ready)
    began = time.monotonic()
    for name, check in (
        ("redis", lambda: copies.problem),
        ("cassandra", cassandra.problem),
        ("log", lambda: log.problem),
    ):
        health.add(name, _once(check, began + settings.startup_grace_seconds))
        health.tell(name, check)
    health.tell("truths", lambda: copies.truth_problem)

    def stop() -> None:
        loops.stop(timeout_s=2.0)
        copies.release_leases()
        log.close(settings.drain_seconds / 2)
        keys.stop()
        predictor.close()
        cassandra.close()

    return application(settings, parts, copies), stop


def _once(check: Callable[[], str | None], until: float) -> Callable[[], str | None]:
    """A check that counts until it was fine once, or until a moment: after that its failures are degradations."""
    passed = False

    def reason() -> str | None:
        nonlocal passed
        passed = passed or time.monotonic() > until
        found = None if passed else check()
        passed = passed or found is None
        return found

    return reason


def _breaker(settings: PricingSettings) -> Breaker:
    return Breaker(settings.breaker_failures, settings.breaker_rest_seconds, time.monotonic)


def _tls(settings: PricingSettings) -> Tls | None:
    if settings.model_server_ca_file is None:
        return None
    return Tls(settings.model_server_ca_file, settings.model_server_certificate_file, settings.model_server_key_file)


def main() -> None:
    """Serve until SIGTERM."""
    settings = load(PricingSettings)
    serve("pricing_api", settings, lambda health: build(settings, health))


if __name__ == "__main__":
    main()
