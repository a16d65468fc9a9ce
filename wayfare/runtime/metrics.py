"""Every metric of every process: one typed, commented list from which the documentation is generated.

Names follow the Prometheus conventions. Label values are bounded: routes, topics, gauges, cities and reasons from fixed
lists (`LABELS`), never ids or user input. A process imports the metrics it sets; the others stay at zero in its registry only if
it imports this module, which every process does through `wayfare.runtime.health`'s /metrics.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

LABELS = {
    "call": "a method of the gRPC service",
    "check": "a check of the drift monitor",
    "city": "a registered city",
    "code": "a gRPC status",
    "feature": "a feature of a model, or what it predicted",
    "gauge": "a count of the live window",
    "kind": "promised or observed, covered or exact",
    "label": "a label of a model",
    "method": "an HTTP method of a route, or any",
    "model": "a model of the installation, or unknown",
    "multiplier": "one of the seven levels or an operator's cap",
    "outcome": "a fixed list per metric, or a class of wayfare.domain.errors",
    "partition": "a partition of a topic, whose number is fixed",
    "price_source": "a step of the ladder",
    "reason": "a fixed list per metric",
    "route": "a route of the service, or unmatched",
    "state": "a fixed list per metric",
    "status": "an HTTP status",
    "store": "redis or kafka",
    "topic": "a topic of the inventory",
    "what": "a thing that a process needs, by the name in its code",
    "where": "a place in the code",
}
"""Every label, and the list that bounds its values."""

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.175, 0.25, 0.5, 1.0, 2.5, 5.0)

HTTP_REQUESTS = Counter(
    "wayfare_http_requests_total", "HTTP requests answered, by route and status.", ["route", "method", "status"]
)
HTTP_SECONDS = Histogram(
    "wayfare_http_request_seconds", "Time to answer an HTTP request.", ["route", "method"], buckets=_LATENCY
)
EXCEPTIONS = Counter(
    "wayfare_exceptions_total", "Exceptions that no rule expected, by where they were caught.", ["where"]
)
IDEMPOTENCY = Counter(
    "wayfare_idempotency_total",
    "Requests with an Idempotency-Key whose answer was replayed, still_working, not_kept, or that went unprotected.",
    ["outcome"],
)

PROBLEM = Gauge(
    "wayfare_problem",
    "1 while something that this process needs is wrong, by its name, else 0; asked anew at every scrape.",
    ["what"],
)

EVENTS_ACCEPTED = Counter("wayfare_events_accepted_total", "Events acknowledged by the log.", ["topic"])
LOG_APPEND_SECONDS = Histogram(
    "wayfare_log_append_seconds", "Time until the log acknowledged an append.", ["topic"], buckets=_LATENCY
)
LOG_FAILURES = Counter("wayfare_log_failures_total", "Appends that the log did not acknowledge.", ["topic"])

EVENTS_APPLIED = Counter("wayfare_ingest_events_applied_total", "Events that changed the live state.", ["topic"])
EVENTS_REJECTED = Counter(
    "wayfare_ingest_events_rejected_total", "Events that changed nothing, by rule.", ["topic", "reason"]
)
EVENTS_ENDED = Counter(
    "wayfare_ingest_ended_total",
    "What stopped counting by a rule rather than by an event of its own: cabs that fell silent, requests that expired, and"
    " requests that were ended_before_opened.",
    ["topic", "reason"],
)
DEAD_LETTERS = Counter("wayfare_dead_letters_total", "Records sent to a dead-letter topic.", ["topic", "reason"])
PANES_WRITTEN = Counter("wayfare_panes_written_total", "Pane registers written, by store.", ["store"])
WINDOW_REBUILDS = Counter(
    "wayfare_window_rebuilds_total", "Times a city's live window was found lost in Redis and written again.", []
)
INGEST_LAG = Gauge(
    "wayfare_ingest_lag_records",
    "Records between the newest in the log and the newest consumed.",
    ["topic", "partition"],
)
INGEST_DELAY = Gauge(
    "wayfare_ingest_delay_seconds",
    "How long ago the log took the newest record consumed, while others wait behind it; 0 when none does.",
    ["topic", "partition"],
)
LOG_TIME = Gauge(
    "wayfare_ingest_log_time_seconds",
    "Log time of a partition, on the city's clock: the newest received_at consumed. A partition behind the others is late.",
    ["city", "topic", "partition"],
)
PANES_OPEN = Gauge("wayfare_ingest_panes_open", "Registers of open panes that this process keeps.")
INGEST_HELD = Gauge(
    "wayfare_ingest_held",
    "Closed registers and dead letters that wait to be acknowledged; nothing is read while Redis or Kafka does not take them.",
)
EVENT_TO_WINDOW_SECONDS = Histogram(
    "wayfare_event_to_window_seconds",
    "From the log's taking a record to its effect in Redis: of the oldest record of each read of a partition.",
    ["topic"],
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0),
)
WINDOW_WRITE_SECONDS = Histogram(
    "wayfare_window_write_seconds", "Time of one write of the live window to Redis, failed ones too.", buckets=_LATENCY
)
SNAPSHOT_SECONDS = Histogram(
    "wayfare_snapshot_seconds", "Time until the log acknowledged the snapshot of a partition.", buckets=_LATENCY
)
CONSUMER_LAG = Gauge(
    "wayfare_consumer_lag_records",
    "Records between the newest in the log and the newest whose effect is kept.",
    ["topic", "partition"],
)
SKETCH_ERROR = Gauge(
    "wayfare_sketch_error",
    "Count-min error of the newest pane: promised bound or observed against exact, of the partition nearest its promise.",
    ["gauge", "kind"],
)
COVER_CABS = Gauge(
    "wayfare_cover_cabs",
    "Cabs in circles of 5 km around some of them at the newest pane's end: as covers of cells count them, and exactly. The"
    " ratio of the sums, less 1, is the cover's bias.",
    ["city", "partition", "kind"],
)
ROWS_LANDED = Counter("wayfare_lander_rows_total", "Rows landed as Parquet.", ["topic"])

WINDOW_AGE = Gauge(
    "wayfare_window_age_seconds",
    "Age of the newest received_at in this front end's window, in seconds of an unhurried clock.",
    ["city"],
)
CABS_AVAILABLE = Gauge("wayfare_cabs_available", "Cabs available in the live window.", ["city"])
REQUESTS_WAITING = Gauge("wayfare_requests_waiting", "Requests waiting in the live window.", ["city"])
QUOTES = Counter("wayfare_quotes_total", "Quotes answered, by what set the multiplier.", ["city", "price_source"])
QUOTES_DEGRADED = Counter(
    "wayfare_quotes_degraded_total", "Quotes that said that something behind them was missing or old.", ["city"]
)
QUOTE_WINDOW_AGE = Histogram(
    "wayfare_quote_window_age_seconds",
    "From an event's receipt to a price that knows it, at most: the age of the live window when a quote was made.",
    ["city"],
    buckets=(0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0),
)
MULTIPLIERS = Counter("wayfare_quoted_multipliers_total", "Quotes by multiplier.", ["city", "multiplier"])
DEGRADATIONS = Counter("wayfare_degradations_total", "Quotes degraded, by what failed.", ["what"])
BOOKINGS = Counter("wayfare_bookings_total", "Bookings by outcome.", ["outcome"])
BOOKINGS_RELAYED = Counter("wayfare_bookings_relayed_total", "Intents of bookings seen through to the log.", [])
QUOTES_SETTLED = Counter(
    "wayfare_quotes_settled_total",
    "Ended quotes whose outcome the ledger holds, by outcome, and unreadable ones.",
    ["outcome"],
)
PREDICTIONS_LOST = Counter("wayfare_predictions_lost_total", "Served predictions that could not be logged.", [])
PREDICT_SECONDS = Histogram(
    "wayfare_predict_seconds", "Time of one Predict call to the model server.", ["model"], buckets=_LATENCY
)
MODEL_VERSION = Gauge("wayfare_model_version", "Version of the model in use.", ["model", "label"])
ARTIFACTS_REFUSED = Counter("wayfare_artifacts_refused_total", "Artifacts refused, by reason.", ["model", "reason"])
ARTIFACTS_PUBLISHED = Counter("wayfare_artifacts_published_total", "Versions verified, served and labelled.", ["model"])

MODEL_CALLS = Counter("wayfare_model_server_calls_total", "gRPC calls answered.", ["model", "call", "code"])
MODEL_CALL_SECONDS = Histogram(
    "wayfare_model_server_call_seconds",
    "Time to answer a gRPC call inside the model server.",
    ["model", "call"],
    buckets=(0.0001, 0.00025, 0.0005, *_LATENCY),
)
MODEL_BATCH_ROWS = Histogram(
    "wayfare_model_server_batch_rows", "Rows computed together.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
)
MODEL_BATCHES_SPLIT = Counter(
    "wayfare_model_server_batches_split_total", "Batches that failed together and were computed call by call.", []
)
MODEL_NOT_FROZEN = Counter(
    "wayfare_model_server_not_frozen_total",
    "Signatures called as they were loaded, at twice the time, because freezing failed: conversion, run or answer.",
    ["model", "reason"],
)
MODEL_VERSIONS = Gauge("wayfare_model_server_versions", "Versions known, by state.", ["model", "state"])

ACTOR_EVENTS = Counter(
    "wayfare_actor_events_total", "Events acknowledged to this actor, by events_api or by the log.", ["topic"]
)
ACTOR_PENDING = Gauge("wayfare_actor_pending_events", "Events that wait to be acknowledged.")
ACTOR_QUOTE_SECONDS = Histogram("wayfare_actor_quote_seconds", "Time of one quote as an app sees it.", buckets=_LATENCY)
ACTOR_EVENT_TO_PRICE_SECONDS = Histogram(
    "wayfare_actor_event_to_price_seconds",
    "Wall time from a ping's 202 to a quote whose window holds it.",
    buckets=(0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0),
)

DRIFT_STATE = Gauge(
    "wayfare_drift_state",
    "What the drift monitor says of a check: 0 ok, 1 drifted, 2 unknown; told by the one that judges.",
    ["city", "model", "check"],
)
DRIFT_STATISTIC = Gauge(
    "wayfare_drift_statistic",
    "Figures of a feature's last hour beside training: kl (nats), kl_p, psi, g_p, missing and unseen (shares).",
    ["city", "model", "feature", "check"],
)
DRIFT_EVALUATED = Gauge(
    "wayfare_drift_evaluated_timestamp_seconds", "Wall time of the newest judgement; 0 where another process judges."
)
DRIFT_ROWS = Counter(
    "wayfare_drift_rows_total",
    "Rows of predictions and outcomes: folded, no_city, too_many models at once, or anonymous (asked by no rider).",
    ["topic", "outcome"],
)
