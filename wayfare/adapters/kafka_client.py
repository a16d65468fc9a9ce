"""Kafka producers and consumers as Wayfare uses them: made lazily, retried until the brokers are there, bounded.

A producer must not be made before gunicorn forks, and the brokers may come later than the process, so the first use
starts a daemon thread that connects, and callers wait for it no longer than they can afford.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import kafka
import kafka.errors
from opentelemetry import trace

from wayfare.adapters.kafka_sockets import first_contact
from wayfare.domain.errors import LogUnavailable

Headers = list[tuple[str, bytes]]

JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
PANE = "application/vnd.wayfare.pane"
"""A pane register (`wayfare.domain.streams.pane_bytes`); its name is the record's key."""
MAX_RECORD_BYTES = 4_000_000
"""Largest record that our producers send; the brokers' message.max.bytes is a little more."""
_ASKED_AT_MOST, _BETWEEN_SECONDS = 5, 0.2
_DROPPED_SECONDS = 5.0
"""Longest wait for a sender to drop what it holds, which takes it no network."""


class Producer:
    """A thread-safe, idempotent producer that appears when the brokers do.

    options: what `KafkaSettings.kafka_options()` gives. timeout_seconds: longest wait for one acknowledgement.
    """

    def __init__(self, options: Mapping[str, object], timeout_seconds: float = 5.0, linger_ms: int = 1) -> None:
        self._options = dict(options)
        self._timeout = timeout_seconds
        self._linger_ms = linger_ms
        self._lock = threading.Lock()
        self._connected = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._producer: Any = None
        self._problem: str | None = "not connected yet"

    @property
    def problem(self) -> str | None:
        """Why the log cannot be written now, as far as is known; None when the last contact was good."""
        return self._problem

    def start(self) -> None:
        """Begin to connect, once."""
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._connect, name="kafka-connect", daemon=True)
                self._thread.start()

    def _connect(self) -> None:
        pause = 0.2
        while not self._closed.is_set():
            try:
                check_reachable(self._options)
                producer = first_contact(
                    kafka.KafkaProducer,
                    **self._options,
                    acks="all",
                    enable_idempotence=True,
                    compression_type="lz4",
                    linger_ms=self._linger_ms,
                    batch_size=65_536,
                    max_request_size=MAX_RECORD_BYTES + 65_536,
                    max_block_ms=round(self._timeout * 1000),
                    request_timeout_ms=round(self._timeout * 600),
                    delivery_timeout_ms=round(self._timeout * 1000),
                    reconnect_backoff_max_ms=1_000,
                    allow_auto_create_topics=False,
                    metadata_max_age_ms=30_000,
                    bootstrap_timeout_ms=3_000,
                )
                with self._lock:
                    if not self._closed.is_set():
                        self._producer, self._problem = producer, None
                        self._connected.set()
                        return
                _close(producer, 0.0)
            except (kafka.errors.KafkaError, OSError, ValueError) as error:
                self._problem = f"no Kafka broker answers: {error}"
                self._closed.wait(pause)
                pause = min(pause * 2, 2.0)

    def _ready(self, deadline: float) -> Any:
        if self._closed.is_set():
            raise LogUnavailable("the producer is closed")
        self.start()
        connected = self._connected.wait(max(0.0, deadline - time.monotonic()))
        producer = self._producer
        if not connected or producer is None:
            raise LogUnavailable(f"{self._problem}, got no answer in {self._timeout:g} s")
        return producer

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has; LogUnavailable when that cannot be learned in time."""
        try:
            return len(self._ready(time.monotonic() + self._timeout).partitions_for(topic))
        except (kafka.errors.KafkaError, TypeError) as error:
            self._problem = f"topic {topic} cannot be found: {error}"
            raise LogUnavailable(f"{self._problem}, got {type(error).__name__}") from error

    def send(
        self,
        topic: str,
        value: bytes,
        key: bytes | None,
        headers: Headers,
        partition: int | None = None,
        trace: Headers | None = None,
    ) -> Any:
        """Hand one record to the background sender; the future ends within the timeout. trace: default the caller's."""
        try:
            ready = self._ready(time.monotonic() + self._timeout)
            traced = [*headers, *(trace_headers() if trace is None else trace)]
            return ready.send(topic, value=value, key=key, headers=traced, partition=partition)
        except (kafka.errors.KafkaError, ValueError, AssertionError) as error:
            raise LogUnavailable(
                f"the log did not take a record for {topic}: {error}, got {len(value)} bytes"
            ) from error

    def wait(self, futures: list[Any]) -> None:
        """Return once all records are acknowledged; LogUnavailable when any is not known to be."""
        deadline = time.monotonic() + self._timeout
        for future in futures:
            try:
                future.get(timeout=max(0.01, deadline - time.monotonic()))
            except kafka.errors.KafkaError as error:
                self._problem = f"the log did not acknowledge: {error or type(error).__name__}"
                if isinstance(error, kafka.errors.KafkaTimeoutError):
                    self._replace()
                raise LogUnavailable(f"{self._problem}, got {len(futures)} records") from error
        self._problem = None

    def _replace(self) -> None:
        """Give up a producer whose records have timed out; the next use connects anew.

        An idempotent producer that expired a batch in flight may wait for its sequence for long after the brokers are
        back. What it still holds is told as failed to its callers, who send again; readers know repeats by key.
        """
        with self._lock:
            given_up, self._producer, self._thread = self._producer, None, None
            self._connected.clear()
        if given_up is not None:
            threading.Thread(target=_close, args=(given_up, 0.0), name="kafka-give-up", daemon=True).start()

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Send what is queued, for at most the timeout, and leave."""
        self._closed.set()
        with self._lock:
            last, self._producer = self._producer, None
            self._connected.clear()
        if last is not None:
            _close(last, timeout_seconds)


def _close(producer: Any, timeout_seconds: float) -> None:
    """Leave; what cannot be sent in that time is told to its callers as failed.

    kafka-python's close() goes no further when its flush runs out of time: its thread and sockets would stay for as long
    as the process, and it would raise once more when it is collected. So its sender is told to drop what it holds.
    """
    try:
        producer.close(timeout=timeout_seconds)
    except kafka.errors.KafkaError:
        producer._sender.force_close()
        producer._sender.join(_DROPPED_SECONDS)
        with contextlib.suppress(kafka.errors.KafkaError):
            producer.close(timeout=_DROPPED_SECONDS)


def check_reachable(options: Mapping[str, object], seconds: float = 2.0) -> None:
    """OSError unless some bootstrap address takes a connection: told at once, where kafka-python would try until its timeout."""
    problem: OSError | None = None
    addresses: Any = options["bootstrap_servers"]
    for address in [addresses] if isinstance(addresses, str) else list(addresses):
        host, _, port = str(address).rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), seconds).close()
            return
        except (OSError, ValueError) as error:
            problem = OSError(f"{address}: {error}")
    raise problem or OSError("no bootstrap address is given")


def trace_headers() -> Headers:
    """The W3C traceparent header of the current span, when there is one."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return []
    text = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return [("traceparent", text.encode())]


def header(headers: Headers | None, name: str) -> str:
    """The value of a record's header, or an empty string."""
    return next((value.decode("utf-8", "replace") for key, value in headers or () if key == name and value), "")


def offsets_of(ask: Callable[..., Mapping[Any, int]], partitions: Collection[Any], **options: Any) -> dict[Any, int]:
    """What a consumer's `beginning_offsets` or `end_offsets` tells of every partition; KafkaError when it does not.

    kafka-python ends by a KeyError when a broker told only of some, as it does while leaders move: it is asked again.
    """
    missing: object = None
    for _ in range(_ASKED_AT_MOST):
        try:
            return dict(ask(list(partitions), **options))
        except KeyError as error:
            missing = error
        time.sleep(_BETWEEN_SECONDS)
    raise kafka.errors.KafkaTimeoutError(f"the brokers do not tell an offset of every partition, got none of {missing}")
