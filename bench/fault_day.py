"""A day played in 24 minutes with 20 faults, on a whole installation with the simulated city: which pages come, how fast,
and which come that should not. The city's clock runs 60 times as fast, and every window of every rule is divided by 60."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import kafka
import psutil
from rich.console import Console
from rich.table import Table

from local import cities, keys, on_call
from local.demo import clocks, prepare
from local.stack import SERVER_NAMES, SERVICE_NAMES, WATCHER_NAMES, Stack
from wayfare.adapters.file_registry import FileRegistry, write_cities
from wayfare.domain.times import format_rfc3339
from wayfare.runtime.clock import wall_ms

SCALE = 60
DAY_SECONDS = 86_400 / SCALE
SLOT_SECONDS = DAY_SECONDS / 20
HELD_SECONDS = 40.0
QUIET_SECONDS = 8.0
MOST_RECOVERY_SECONDS = 240.0
SETTINGS = {
    "WAYFARE_RULES_SCALE": str(SCALE),
    # A rider hears of a quote, and then of a booking, at the city's next step: each 15 s of the city at the usual one.
    "WAYFARE_STEP_SECONDS": "0.02",
}
CITY, SIMULATOR = "sim", "city_simulator"
Doing = Callable[[Stack], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def _stopped(stack: Stack, name: str) -> Iterator[None]:
    stack.stop_only([name])
    try:
        yield
    finally:
        stack.start([name])


@contextlib.contextmanager
def _frozen(stack: Stack, name: str) -> Iterator[None]:
    process = psutil.Process(next(row.pid for row in stack.status() if row.name == name))
    every = [process, *process.children(recursive=True)]
    for one in every:
        one.suspend()
    try:
        yield
    finally:
        for one in every:
            one.resume()


@contextlib.contextmanager
def _again_and_again(step: Callable[[], object], every_s: float) -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(every_s):
            with contextlib.suppress(httpx.HTTPError):
                step()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


@contextlib.contextmanager
def _poisoned(stack: Stack) -> Iterator[None]:
    """Records that nobody can read, about one in twenty."""
    producer = kafka.KafkaProducer(bootstrap_servers=stack.addresses().kafka_bootstrap)
    try:
        with _again_and_again(lambda: [producer.send("driver-pings", b"\x00poison") for _ in range(5)], 0.1):
            yield
    finally:
        producer.close()


@contextlib.contextmanager
def _kilometres(stack: Stack) -> Iterator[None]:
    """A new version of an app that tells the distance of finished trips in kilometres."""
    token = {"Authorization": f"Bearer {keys.token(stack.layout, 'service', 'dispatch')}"}
    city = FileRegistry(stack.layout.cities_file, production=False).now().get(CITY)
    ended = city.clock.at(wall_ms())
    trip = {
        "trip_id": "t-km",
        "pickup": {"lat": 37.7793, "lon": -122.4193},
        "dropoff": {"lat": 37.7955, "lon": -122.3937},
        "started_at": format_rfc3339(ended - 600_000),
        "ended_at": format_rfc3339(ended),
        "distance_m": 4,
    }
    with (
        httpx.Client(base_url=str(stack.addresses().events_url), timeout=5.0, headers=token) as client,
        _again_and_again(lambda: client.post("/v1/trips", json={"trips": [trip]}), 0.05),
    ):
        yield


@contextlib.contextmanager
def _moved(stack: Stack) -> Iterator[None]:
    """The same riders, all elsewhere: another seed is another town on the same streets."""
    elsewhere = Stack(stack.layout.state, settings=SETTINGS | {"WAYFARE_SIMULATION_SEED": "99"})
    stack.stop_only([SIMULATOR])
    elsewhere.start([SIMULATOR])
    try:
        yield
    finally:
        elsewhere.stop_only([SIMULATOR])
        stack.start([SIMULATOR])


@dataclass
class Fault:
    """pages: one of these must come, and nothing else may; none means that nothing may. ticket: the cause that is told."""

    what: str
    do: Doing
    pages: frozenset[str]
    ticket: str
    held_s: float = HELD_SECONDS
    page_s: float | None = None
    ticket_s: float | None = None
    false: set[str] = field(default_factory=set)

    @property
    def missed(self) -> bool:
        """True when nobody was told of what somebody had to be told of."""
        return self.page_s is None if self.pages else self.ticket_s is None


def faults() -> list[Fault]:
    """The 20 of a day; where riders feel nothing a ticket is right and a page is wrong."""

    def stop(name: str, *pages: str, ticket: str = "ServiceDown") -> Fault:
        return Fault(f"{name} stopped", lambda stack: _stopped(stack, name), frozenset(pages), ticket)

    def freeze(name: str, *pages: str, ticket: str = "ServiceDown") -> Fault:
        return Fault(f"{name} frozen", lambda stack: _frozen(stack, name), frozenset(pages), ticket)

    away = "DependencyAway"
    return [
        # Found from rows of an hour or two of the city, that are judged 20 s after they came. The first, because what the
        # others do to live features is drift too, and drift stands for a day.
        Fault("the city's demand moves", _moved, frozenset(), "ModelDrifted", held_s=180.0),
        stop("model_server", "QuotesDegraded"),
        stop("redis", "WindowStale", ticket=away),
        freeze("ingest", "WindowStale"),
        stop("lander"),
        stop("cassandra", "BookingsFail", ticket=away),
        stop("pricing_api", "QuotesUnknown"),
        freeze("model_server", "QuotesDegraded"),
        Fault("one ping in twenty unreadable", _poisoned, frozenset({"PanesWrong"}), "DeadLetters"),
        stop("events_api", "EventsUnknown"),
        freeze("redis", "WindowStale", ticket=away),
        stop("booking_relay"),
        freeze("pricing_api", "QuotesUnknown"),
        stop("ingest", "WindowStale"),
        stop("kafka", "EventsFail", "WindowStale", ticket=away),
        Fault("an app sends kilometres for metres", _kilometres, frozenset(), "EventsRefused"),
        freeze("events_api", "EventsUnknown"),
        stop("publisher"),
        freeze("cassandra", "BookingsFail", ticket=away),
        freeze("lander"),
    ]


def _play(stack: Stack, fault: Fault, url: str) -> None:
    """One fault, and the time until nothing pages any more."""

    before = {alert["fingerprint"] for alert in on_call.told(url, "ticket")}

    def look(began: float) -> bool:
        pages = {on_call.name_of(alert) for alert in on_call.told(url, "page")}
        tickets = {
            on_call.name_of(alert) for alert in on_call.told(url, "ticket") if alert["fingerprint"] not in before
        }
        if fault.page_s is None and pages & fault.pages:
            fault.page_s = time.monotonic() - began
        if fault.ticket_s is None and fault.ticket in tickets:
            fault.ticket_s = time.monotonic() - began
        fault.false |= pages - fault.pages
        return bool(pages)

    began = time.monotonic()
    with fault.do(stack):
        while time.monotonic() - began < fault.held_s:
            look(began)
            time.sleep(0.5)
    ended = quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET_SECONDS and time.monotonic() - ended < MOST_RECOVERY_SECONDS:
        if look(began):
            quiet_since = time.monotonic()
        time.sleep(0.5)


def _build(stack: Stack, say: Callable[[str, str], None]) -> str:
    stack.start([*SERVER_NAMES, *WATCHER_NAMES], say)
    environment = {**os.environ, **stack.environment()}
    write_cities(stack.layout.cities_file, [cities.load(CITY)])
    prepare.history(CITY, None, environment, say)
    clocks.register(stack.layout.cities_file, CITY, clocks.start_of(CITY, stack.layout.lake), wall_ms(), SCALE)
    stack.start(SERVICE_NAMES, say)
    prepare.model(CITY, environment, say)
    stack.wait_ready(timeout_seconds=240.0)
    stack.start([SIMULATOR], say)
    return str(stack.addresses().alertmanager_url)


def run(quick: bool) -> dict[str, Any]:
    """Play the day; quick: the first five of its faults in which nothing moves."""
    console = Console()
    stack = Stack(pathlib.Path(tempfile.mkdtemp(prefix="wayfare-fault-day-")), settings=SETTINGS)
    chosen = faults()[1:6] if quick else faults()
    try:
        url = _build(stack, lambda name, what: console.print(f"[dim]{name}: {what[:120]}", highlight=False))
        time.sleep(2 * 3_600 / SCALE)  # the longest window of a fast burn knows what is usual
        at_rest = [on_call.name_of(alert) for alert in on_call.told(url, "page")]
        waiting = sorted({on_call.name_of(alert) for alert in on_call.told(url, "ticket")})
        console.print(f"before the first fault: pages {at_rest}, tickets {waiting}")
        began = time.monotonic()
        for number, fault in enumerate(chosen):
            time.sleep(max(0.0, began + number * SLOT_SECONDS - time.monotonic()))
            _play(stack, fault, url)
            console.print(f"{fault.what}: page {fault.page_s}, ticket {fault.ticket_s}, false {sorted(fault.false)}")
    finally:
        stack.stop()
    console.print(_table(chosen))
    times = sorted(fault.page_s for fault in chosen if fault.page_s is not None)
    return {
        "name": "fault_day",
        "what": f"{len(chosen)} faults in a day played in minutes",
        "peer": "-",
        "ratios": [],
        "aim": "no incident missed, no false page",
        "figures": {
            "missed_incidents": sum(fault.missed for fault in chosen),
            "false_pages": sum(len(fault.false) for fault in chosen) + len(at_rest),
            "pages_due": sum(bool(fault.pages) for fault in chosen),
            "time_to_page_median_s": times[len(times) // 2] if times else None,
            "time_to_page_longest_s": times[-1] if times else None,
            "held_s": HELD_SECONDS,
        },
    }


def _table(played: list[Fault]) -> Table:
    table = Table("fault", "page due", "page after s", "ticket", "after s", "false pages", title="A day of faults")

    def seconds(value: float | None) -> str:
        return "-" if value is None else f"{value:.1f}"

    for fault in played:
        due = " or ".join(sorted(fault.pages)) or "none"
        late = seconds(fault.page_s) if fault.pages else ""
        table.add_row(fault.what, due, late, fault.ticket, seconds(fault.ticket_s), ", ".join(sorted(fault.false)))
    return table
