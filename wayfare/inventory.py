"""The one table of what Wayfare consists of: topics, servers and services, and who may talk to whom.

Supervision, `wayfare status`, topic creation, the architecture tests and the network policies all read this table.
Adding a service is adding its folder under `services/` and one row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DAY_MS = 86_400_000

Image = Literal["front", "stream", "model-server"]


@dataclass(frozen=True, slots=True)
class Topic:
    """A Kafka topic. partitions: of its first generation; a later one says its number in its name (`streams.generation`)."""

    name: str
    identity: str
    partitions: int
    retention_ms: int
    compacted: bool
    holds: str
    outlet: bool = False
    """True for a topic that people or other systems read and no service of ours does."""
    segment_ms: int = 3_600_000
    """Of a compacted topic: how long until what was written may be compacted. Who reads it whole reads every version since."""


@dataclass(frozen=True, slots=True)
class Server:
    """A third-party server that Wayfare runs on; on one machine it is started as a local process."""

    name: str
    start_first: int


@dataclass(frozen=True, slots=True)
class Service:
    """One of Wayfare's own processes.

    module: what `python -m` runs. image: the kind of container image that it runs from. public: serves HTTP to apps on a
    port of its own. grpc: serves gRPC. talks_to: the servers and services that it opens connections to. Every service has
    an admin port.
    """

    name: str
    module: str
    image: Image
    talks_to: tuple[str, ...]
    produces: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    public: bool = False
    grpc: bool = False


_WEEK = 7 * DAY_MS

TOPICS = (
    Topic("driver-pings", "driver_id", 4, 2 * DAY_MS, False, "where cabs are, and ticks"),
    Topic("ride-requests", "request_id", 4, _WEEK, False, "requests opened, matched, cancelled, expired, and ticks"),
    Topic("trips", "trip_id", 4, 30 * DAY_MS, False, "finished trips"),
    Topic("weather", "cell", 1, _WEEK, False, "weather observations"),
    Topic("panes", "city|gauge|topic|partition|pane", 4, _WEEK, True, "closed window panes with the offset they cover"),
    Topic(
        "window-state",
        "topic|partition|slot|chunk",
        1,
        -1,
        True,
        "newest state of each ingest partition with its offset",
        # Every start of ingest reads it, and each partition writes its state anew every few seconds.
        segment_ms=60_000,
    ),
    Topic("predictions", "quote_id", 4, 30 * DAY_MS, False, "every served prediction"),
    Topic("bookings", "quote_id", 4, 30 * DAY_MS, False, "outcome of every quote: booked or not_booked"),
    Topic(
        "drift-registers",
        "what|of|writer",
        1,
        _WEEK,
        True,
        "counts and exact sums of served rows for each five minutes, with the offset they cover, and judgements",
    ),
    Topic("drift-events", "city|model", 1, 30 * DAY_MS, False, "changes of a drift check's state", outlet=True),
    Topic("driver-pings.dead-letter", "-", 1, 30 * DAY_MS, False, "pings that could not be read", outlet=True),
    Topic("ride-requests.dead-letter", "-", 1, 30 * DAY_MS, False, "requests that could not be read", outlet=True),
    Topic("trips.dead-letter", "-", 1, 30 * DAY_MS, False, "trips that could not be read", outlet=True),
    Topic("weather.dead-letter", "-", 1, 30 * DAY_MS, False, "observations that could not be read", outlet=True),
    Topic("panes.dead-letter", "-", 1, 30 * DAY_MS, False, "panes that could not be read", outlet=True),
    Topic("predictions.dead-letter", "-", 1, 30 * DAY_MS, False, "predictions that could not be read", outlet=True),
    Topic("bookings.dead-letter", "-", 1, 30 * DAY_MS, False, "bookings that could not be read", outlet=True),
)

LIVE_TOPICS = ("driver-pings", "ride-requests", "weather")
"""What ingest computes live state from; each may be given more partitions (`wayfare topic grow`)."""

SERVERS = (Server("kafka", 10), Server("redis", 10), Server("cassandra", 10))

WATCHERS = (Server("prometheus", 10), Server("alertmanager", 10), Server("node_exporter", 10))
"""Servers that watch the others. No service needs one to do its work; only what shows figures asks Prometheus."""

SERVICES = (
    Service(
        "events_api",
        "services.events_api.main",
        "stream",
        talks_to=("kafka",),
        produces=("driver-pings", "ride-requests", "trips", "weather"),
        public=True,
    ),
    Service(
        "ingest",
        "services.ingest.main",
        "stream",
        talks_to=("kafka", "redis"),
        consumes=("driver-pings", "ride-requests", "weather", "window-state"),
        produces=(
            "panes",
            "window-state",
            "driver-pings.dead-letter",
            "ride-requests.dead-letter",
            "weather.dead-letter",
        ),
    ),
    Service(
        "lander",
        "services.lander.main",
        "stream",
        talks_to=("kafka",),
        consumes=("trips", "panes", "predictions", "bookings"),
        produces=("trips.dead-letter", "panes.dead-letter", "predictions.dead-letter", "bookings.dead-letter"),
    ),
    Service("publisher", "services.publisher.main", "front", talks_to=("artifacts", "model_server")),
    Service("model_server", "services.model_server.main", "model-server", talks_to=(), grpc=True),
    Service(
        "pricing_api",
        "services.pricing_api.main",
        "front",
        talks_to=("redis", "cassandra", "kafka", "artifacts", "model_server"),
        produces=("predictions",),
        public=True,
    ),
    Service(
        "booking_relay",
        "services.booking_relay.main",
        "front",
        talks_to=("cassandra", "kafka"),
        consumes=("predictions",),
        produces=("bookings",),
    ),
    Service(
        "console",
        "services.console.main",
        "front",
        talks_to=("prometheus", "pricing_api"),
        public=True,
    ),
    Service(
        "drift_monitor",
        "services.drift_monitor.main",
        "stream",
        talks_to=("kafka", "artifacts"),
        consumes=("predictions", "bookings", "drift-registers"),
        produces=("drift-registers", "drift-events", "predictions.dead-letter", "bookings.dead-letter"),
        public=True,
    ),
)

ACTORS = (
    Service("city_simulator", "services.city_simulator.main", "stream", talks_to=("events_api", "pricing_api")),
    Service("replayer", "services.city_simulator.replay_main", "stream", talks_to=("events_api", "pricing_api")),
)
"""Processes that act as the apps of riders and drivers do; started on request only, never by `wayfare up`."""


def topic(name: str) -> Topic:
    """The row of a topic; KeyError when there is none."""
    return {row.name: row for row in TOPICS}[name]
