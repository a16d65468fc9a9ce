"""The demo from the first server to the last account: start, load, train, publish, act, watch, settle, stop."""

from __future__ import annotations

import contextlib
import os
import pathlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.live import Live

from local import cities, keys
from local.demo import clocks, display, figures, prepare, settle
from local.demo.accounting import LogReader, Offsets
from local.stack import SERVER_NAMES, SERVICE_NAMES, WATCHER_NAMES, Stack
from wayfare.adapters.file_registry import FileRegistry, write_cities
from wayfare.runtime.clock import wall_ms

FIRST_QUOTE_SECONDS = 180.0
SIMULATOR_SUBJECT = "city-simulator"
SEMI_SYNTHETIC_NOTICE = "The cabs are real. Multipliers are semi-synthetic: recorded without prices, they are learned from the simulator's rule."


@dataclass(frozen=True, slots=True)
class Options:
    """What to show. replay: a recording of cabs instead of the simulated city; for_seconds: None until Ctrl-C."""

    replay: pathlib.Path | None = None
    speed: float = 1.0
    for_seconds: float | None = None
    as_json: bool = False

    @property
    def city(self) -> str:
        """The one city that this demo registers."""
        return "sf" if self.replay else "sim"

    @property
    def actor(self) -> str:
        """Who plays the apps."""
        return "replayer" if self.replay else "city_simulator"


@dataclass(slots=True)
class Demo:
    """One run of the demo on one installation."""

    stack: Stack
    options: Options
    console: Console
    failures: list[str] = field(default_factory=list)
    started_offsets: Offsets = field(default_factory=dict)
    processed_before: dict[str, int] = field(default_factory=dict)

    def say(self, name: str, what: str) -> None:
        """One line of progress."""
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {name}: {what}", highlight=False)

    def bring_up(self) -> None:
        """Everything until the actor can begin: servers, the city's clock, services, history, model."""
        city, layout = self.options.city, self.stack.layout
        going_on = self._clock_goes_on()
        addresses = self.stack.start([*SERVER_NAMES, *WATCHER_NAMES], say=self.say)
        if not going_on:
            # History is generated for a registered city, and the clock then begins where it ends.
            write_cities(layout.cities_file, [cities.load(city)])
        environment = {**os.environ, **self.stack.environment()}
        prepare.history(city, self.options.replay, environment, self.say)
        if not going_on:
            reader = LogReader(addresses.kafka_bootstrap)
            newest = max(clocks.ClockMemory(layout.state).newest(city), reader.newest_tick(city) or 0)
            reader.close()
            clocks.register(layout.cities_file, city, newest, wall_ms(), self.options.speed)
        self.stack.start(SERVICE_NAMES, say=self.say)
        prepare.model(city, environment, self.say)
        self.say("services", "waiting until all are ready")
        self.stack.wait_ready(timeout_seconds=180.0)

    def _clock_goes_on(self) -> bool:
        """True when services run already with this city at this speed: their clock must not be touched."""
        running = {row.name for row in self.stack.status() if row.pid is not None}
        if "events_api" not in running:
            return False
        registered = list(FileRegistry(self.stack.layout.cities_file, production=False).now())
        return [city.id for city in registered] == [self.options.city] and registered[
            0
        ].clock.speed == self.options.speed

    def act(self) -> None:
        """Start the simulator or the replayer; what the log holds from here on is its doing."""
        reader = LogReader(self.stack.addresses().kafka_bootstrap)
        self.started_offsets = reader.ends()
        reader.close()
        self.processed_before = dict(settle.processed(self.stack).rows)
        (self.stack.layout.run / "simulator.json").unlink(missing_ok=True)
        self.stack.start([self.options.actor], say=self.say)

    def watch(self) -> None:
        """Show the figures once a second until the time is over or somebody presses Ctrl-C."""
        memory = clocks.ClockMemory(self.stack.layout.state)
        admin = next(row.admin_address for row in self.stack.status() if row.name == "pricing_api")
        assert admin is not None
        began, first_quote = time.monotonic(), None
        with contextlib.ExitStack() as held:
            show = self._screen(held)
            while True:
                shown = figures.now(self.stack.layout.state, admin, self.options.city)
                show(shown)
                memory.remember(self.options.city, self._city_now())
                if first_quote is None and shown.actor.get("first_undegraded_quote_at"):
                    first_quote = time.monotonic()
                    self.say("quotes", "the first undegraded quote was answered")
                if self.options.for_seconds is not None:
                    if first_quote is not None and time.monotonic() - first_quote >= self.options.for_seconds:
                        return
                    if first_quote is None and time.monotonic() - began > FIRST_QUOTE_SECONDS:
                        self.failures.append(f"no undegraded quote came in {FIRST_QUOTE_SECONDS:g} s")
                        return
                time.sleep(1.0)

    def _screen(self, held: contextlib.ExitStack) -> Callable[[figures.Figures], None]:
        """How figures are shown: in a live panel on a terminal, as lines elsewhere."""
        hints = self._hints()
        if self.console.is_terminal and not self.options.as_json:
            live = held.enter_context(Live(console=self.console, auto_refresh=False))
            title = f"Wayfare: {cities.load(self.options.city).name}"
            return lambda shown: live.update(display.panel(title, shown, hints), refresh=True)
        for hint in hints:
            self.console.print(hint, highlight=False, soft_wrap=True)
        return lambda shown: self.console.print(display.line(shown), highlight=False, soft_wrap=True)

    def _city_now(self) -> int:
        city = FileRegistry(self.stack.layout.cities_file, production=False).now().get(self.options.city)
        return city.clock.at(wall_ms())

    def _hints(self) -> list[str]:
        addresses = self.stack.addresses()
        token = keys.token(self.stack.layout, "rider", "r-1", hours=12.0)
        body = '{"pickup": {"lat": 37.7793, "lon": -122.4193}, "dropoff": {"lat": 37.7955, "lon": -122.3937}}'
        notices = [SEMI_SYNTHETIC_NOTICE] if self.options.replay else []
        return [
            *notices,
            f"events {addresses.events_url}   prices {addresses.pricing_url}   state {addresses.state}",
            f"figures {addresses.prometheus_url}   alerts {addresses.alertmanager_url}",
            f"console {addresses.console_url}   sign in with the output of "
            f"`WAYFARE_STATE={addresses.state} wayfare token --role operator --subject me`",
            f"TOKEN={token}",
            f'curl -s {addresses.pricing_url}/v1/quotes -H "Authorization: Bearer $TOKEN" '
            f"-H 'Content-Type: application/json' -d '{body}'",
        ]

    def result(self) -> dict[str, Any]:
        """Stop the actor, let everything drain, and settle the accounts."""
        self.failures += [
            f"{row.name}: {row.health}" for row in self.stack.status() if row.health != "ok" and row.pid is not None
        ]
        self.say(self.options.actor, "finishing what it began")
        self.stack.stop_only([self.options.actor])
        found = settle.account(self.stack, self.started_offsets, self.processed_before, SIMULATOR_SUBJECT, self.say)
        actor = figures.actor_statistics(self.stack.layout.state)
        admin = next(row.admin_address for row in self.stack.status() if row.name == "pricing_api")
        shown = figures.now(self.stack.layout.state, str(admin), self.options.city)
        self.failures += [*found.failures, *map(str, actor.get("failures") or [])]
        return {
            "events_sent": found.sent,
            "events_recorded": found.recorded,
            "events_counted": found.counted,
            "quotes": actor.get("quotes", 0),
            "bookings": actor.get("bookings", 0),
            "quote_p50_ms": actor.get("quote_p50_ms"),
            "quote_p99_ms": actor.get("quote_p99_ms"),
            "event_to_price_p99_s": actor.get("event_to_price_p99_s"),
            "degraded": actor.get("degraded") or {},
            "model_version": shown.model_version,
            "notices": [SEMI_SYNTHETIC_NOTICE] if self.options.replay else [],
            "failures": self.failures,
        }
