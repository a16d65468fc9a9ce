"""The record log in Kafka: JSON records keyed by identity, waited for or offered."""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from wayfare.adapters.kafka_client import JSON, Producer
from wayfare.domain.errors import LogUnavailable
from wayfare.domain.streams.events import SCHEMA

_AT_ONCE = 500


class KafkaRecordLog:
    """`RecordLog` on Kafka. Thread-safe; connects at first use.

    queue_limit: most records that `offer` keeps while the log is slow or away; past it a record is lost and told to
    `on_lost` (for a counter). Queued records are sent in order and again until acknowledged, so a reader may see one
    twice and goes by identity. gather_seconds: how long offered records are gathered, so that a process with answers to
    give does not spend more on sending each record than on making it.
    """

    def __init__(
        self,
        options: Mapping[str, object],
        timeout_seconds: float = 5.0,
        queue_limit: int = 10_000,
        on_lost: Callable[[int], None] = lambda count: None,
        gather_seconds: float = 0.0,
    ) -> None:
        self._producer = Producer(options, timeout_seconds)
        self._queue: collections.deque[tuple[str, bytes, bytes]] = collections.deque()
        self._limit = queue_limit
        self._on_lost = on_lost
        self._gather = gather_seconds
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.lost = 0

    @property
    def problem(self) -> str | None:
        """Why the log cannot be written now, as far as is known."""
        return self._producer.problem

    @property
    def queued(self) -> int:
        """Records offered and not yet acknowledged."""
        return len(self._queue)

    def start(self) -> None:
        """Begin to connect without waiting for the first record."""
        self._producer.start()

    def append(self, topic: str, identity: str, record: Mapping[str, Any]) -> None:
        """Return once the log has acknowledged; LogUnavailable otherwise."""
        self._producer.wait([self._send(topic, identity.encode(), _value(record))])

    def offer(self, topic: str, identity: str, record: Mapping[str, Any]) -> bool:
        """Queue without waiting; False, and counted, when the bounded queue is full."""
        value = _value(record)
        with self._lock:
            full = len(self._queue) >= self._limit or self._closing.is_set()
            if full:
                self.lost += 1
            else:
                self._queue.append((topic, identity.encode(), value))
            if self._thread is None and not full:
                self._thread = threading.Thread(target=self._drain, name="kafka-records", daemon=True)
                self._thread.start()
        if full:
            self._on_lost(1)
            return False
        self._wake.set()
        return True

    def _send(self, topic: str, key: bytes, value: bytes) -> Any:
        return self._producer.send(topic, value, key, [("content-type", JSON.encode())])

    def _drain(self) -> None:
        pause = 0.1
        while True:
            self._wake.wait(0.5)
            if self._gather:
                self._closing.wait(self._gather)
            self._wake.clear()
            while self._queue:
                batch = [self._queue[i] for i in range(min(_AT_ONCE, len(self._queue)))]
                try:
                    self._producer.wait([self._send(*record) for record in batch])
                except LogUnavailable:
                    if self._closing.wait(pause):
                        return
                    pause = min(pause * 2, 2.0)
                    continue
                pause = 0.1
                for _ in batch:
                    self._queue.popleft()
            if self._closing.is_set():
                return

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Send what is queued, for at most the timeout; what is left is counted as lost."""
        deadline = time.monotonic() + timeout_seconds
        with self._lock:
            self._closing.set()
            thread = self._thread
        self._wake.set()
        if thread is not None:
            thread.join(timeout_seconds)
        self._producer.close(max(0.1, deadline - time.monotonic()))
        if self._queue:
            self.lost += len(self._queue)
            self._on_lost(len(self._queue))


def _value(record: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"schema": SCHEMA} | dict(record), option=orjson.OPT_SERIALIZE_NUMPY)
