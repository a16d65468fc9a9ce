"""What the simulator and the replayer share: clock, events, quotes, probe, statistics, and a clean end."""

from __future__ import annotations

import pathlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from services.city_simulator.api import Api
from services.city_simulator.delivery import Delivery
from services.city_simulator.into_log import IntoLog
from services.city_simulator.over_http import OverHttp
from services.city_simulator.pacing import Asked, PriceChecks
from services.city_simulator.probe import Probe
from services.city_simulator.quotes import Quoter
from services.city_simulator.settings import ActorSettings
from services.city_simulator.statistics import Statistics, write
from wayfare.adapters.file_registry import FileRegistry
from wayfare.domain.city import City, Place
from wayfare.domain.errors import InvalidInput
from wayfare.runtime import logs
from wayfare.runtime.clock import wall_ms
from wayfare.runtime.health import Health, serve_admin
from wayfare.runtime.shutdown import stop_on_signals

STATISTICS_FILE = "simulator.json"

FIRST_WEATHER_SECONDS = 15.0
"""Longest wait for the first weather observation to be acknowledged before prices are asked for."""
REACHES_PRICES_SECONDS = 2.0
"""In which an acknowledged event is in the window that prices are made from."""


class Actor(Protocol):
    """Plays a city: moved by its clock, asked what it has to tell."""

    def move_to(self, now_ms: int) -> None:
        """Let the city's time pass."""

    def hear(self) -> None:
        """Take in answers that have come since."""

    def cabs(self) -> int:
        """Cabs on line."""

    def finished(self) -> bool:
        """True when there is nothing more to play."""

    def asked(self, number: int) -> Asked | None:
        """The ends of a price check."""

    def probed(self) -> tuple[Place, Place]:
        """The ends of the quotes that measure the delay from event to price."""


@dataclass(frozen=True)
class Tools:
    """What an actor is built with."""

    city: City
    quoter: Quoter
    delivery: Delivery
    statistics: Statistics
    now_ms: int


def play(name: str, city_id: str, settings: ActorSettings, build: Callable[[Tools], Actor]) -> None:
    """Play a city until SIGTERM or SIGINT; then finish what was begun, send what is pending, write the last figures."""
    logs.configure(name, settings.log_level)
    log = logs.logger()
    stop = stop_on_signals()
    health = Health()
    problem: list[str] = ["starting"]
    health.add("city", lambda: problem[0] if problem else None)
    admin = serve_admin(health, settings.admin_host, settings.admin_port)
    registry = FileRegistry(settings.cities_file, settings.env == "production")
    city = _registered(registry, city_id, stop, problem)
    if city is None:
        return
    statistics = Statistics()
    api = Api(settings.events_url, settings.pricing_url, settings.service_token_file, settings.http_timeout_seconds)
    quoter = Quoter(api, statistics, settings.quote_workers)
    probe: Probe | None = None

    def told(topic: str, monotonic: float, received_at: str) -> None:
        if probe:
            probe.acknowledged(topic, monotonic, received_at)

    into_log = _into_log(name, city_id, settings, registry)
    delivery = Delivery(into_log or OverHttp(api), statistics, settings.pending_events, told)
    delivery.start()
    actor = build(Tools(city, quoter, delivery, statistics, city.clock.at(wall_ms())))
    probe = Probe(quoter, statistics, actor.probed(), settings.probe_seconds, settings.probe_poll_seconds)
    checks = PriceChecks(quoter, settings.quotes_per_second, actor.asked)
    health.add("events", lambda: delivery.problem)
    health.add("pricing_api", lambda: quoter.problem)
    problem.clear()
    file = settings.state / "run" / STATISTICS_FILE

    def figures(done: bool) -> dict[str, Any]:
        return statistics.snapshot() | {
            "actor": name,
            "city": city_id,
            "events_pending": delivery.pending(),
            "cabs": actor.cabs(),
            "finished": actor.finished(),
            "done": done,
        }

    written = threading.Event()

    def keep_writing() -> None:
        while not written.wait(1.0):
            _write(file, figures(done=False))

    writer = threading.Thread(target=keep_writing, name="statistics", daemon=True)
    _write(file, figures(done=False))
    writer.start()
    _wait_for_weather(delivery, stop)
    for part in (probe, checks):
        part.start()
    log.info("playing", city=city_id, admin_port=admin.server_address[1], speed=city.clock.speed)
    said_end = False
    while not stop.is_set():
        try:
            actor.move_to(registry.now().get(city_id).clock.at(wall_ms()))
        except InvalidInput as error:
            problem[:] = [str(error)]
        else:
            problem.clear()
        if actor.finished() and not said_end:
            log.info("the recording has ended; nothing more is sent")
            said_end = True
        stop.wait(settings.step_seconds)
    log.info("stopping", pending=delivery.pending())
    health.stopping()
    checks.close()
    probe.close()
    quoter.close(settings.drain_seconds / 2.0)
    actor.hear()
    left = delivery.close(settings.drain_seconds)
    if into_log:
        into_log.close()
    written.set()
    writer.join(5.0)
    _write(file, figures(done=True))
    api.close()
    log.info("stopped", pending=left)


def _into_log(name: str, city_id: str, settings: ActorSettings, registry: FileRegistry) -> IntoLog | None:
    """Straight into Kafka, when told so."""
    if settings.delivery != "kafka":
        return None
    logs.logger().warning("events go straight into Kafka: nothing checks them")
    timeout = settings.http_timeout_seconds
    into_log = IntoLog(settings.kafka_options(), registry.now, wall_ms, city_id, name, timeout)
    into_log.start()
    return into_log


def _wait_for_weather(delivery: Delivery, stop: threading.Event) -> None:
    """A price without weather is a degraded one, so the first observation goes ahead of the first question."""
    ends = time.monotonic() + FIRST_WEATHER_SECONDS
    while not (known := delivery.wait_for_first("weather", 0.1)) and not stop.is_set() and time.monotonic() < ends:
        pass
    if delivery.sends("weather"):
        if not known:
            logs.logger().warning(
                "no weather was acknowledged; prices are asked for all the same", waited=FIRST_WEATHER_SECONDS
            )
        stop.wait(REACHES_PRICES_SECONDS)


def _write(file: pathlib.Path, values: dict[str, Any]) -> None:
    try:
        write(file, values)
    except OSError as error:
        logs.logger().warning("the statistics cannot be written", file=str(file), error=str(error))


def _registered(registry: FileRegistry, city_id: str, stop: threading.Event, problem: list[str]) -> City | None:
    """The city once it is registered; None when asked to stop before."""
    while not stop.is_set():
        try:
            return registry.now().get(city_id)
        except InvalidInput as error:
            problem[:] = [str(error)]
            stop.wait(0.5)
    return None
