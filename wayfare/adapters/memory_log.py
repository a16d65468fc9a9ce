"""In-memory twins of the event log and the record log, for tests and for runs inside one process."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from wayfare.domain.errors import LogUnavailable
from wayfare.domain.streams.events import Event, Recorded, Tick
from wayfare.domain.streams.partition import partition_of


class MemoryEventLog:
    """`EventLog` in memory: `rows[topic][partition]` in order. Set `unavailable` to act as a log out of reach."""

    def __init__(self, partitions: int = 4) -> None:
        self.partitions = partitions
        self.rows: dict[str, list[list[Recorded | Tick]]] = {}
        self.unavailable = False
        self._lock = threading.Lock()

    @property
    def problem(self) -> str | None:
        """Why the log cannot be written now."""
        return "told to be unavailable" if self.unavailable else None

    def append(self, topic: str, city: str, events: Sequence[Event], received_at_ms: int, sender: str = "") -> None:
        """Record the events in their partitions; LogUnavailable when told to be."""
        self._check()
        with self._lock:
            for event in events:
                partition = partition_of(event.identity, self.partitions)
                self._topic(topic)[partition].append(Recorded(event, city, received_at_ms))

    def tick(self, topic: str, received_at_ms: Mapping[str, int]) -> None:
        """A tick in each partition."""
        self._check()
        with self._lock:
            for rows in self._topic(topic):
                rows.append(Tick(dict(received_at_ms)))

    def events(self, topic: str) -> list[Recorded]:
        """All events of a topic, partition after partition."""
        return [row for rows in self._topic(topic) for row in rows if isinstance(row, Recorded)]

    def start(self) -> None:
        """Nothing to connect."""

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Nothing to close."""

    def _topic(self, topic: str) -> list[list[Recorded | Tick]]:
        return self.rows.setdefault(topic, [[] for _ in range(self.partitions)])

    def _check(self) -> None:
        if self.unavailable:
            raise LogUnavailable("the log is out of reach, as this test asked")


class MemoryRecordLog:
    """`RecordLog` in memory: `records[topic]` of (identity, record) in order. `unavailable` as above."""

    def __init__(self) -> None:
        self.records: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self.unavailable = False
        self.lost = 0
        self._lock = threading.Lock()

    @property
    def problem(self) -> str | None:
        """Why the log cannot be written now."""
        return "told to be unavailable" if self.unavailable else None

    def append(self, topic: str, identity: str, record: Mapping[str, Any]) -> None:
        """Keep the record; LogUnavailable when told to be."""
        if self.unavailable:
            raise LogUnavailable("the log is out of reach, as this test asked")
        with self._lock:
            self.records.setdefault(topic, []).append((identity, dict(record)))

    def offer(self, topic: str, identity: str, record: Mapping[str, Any]) -> bool:
        """Keep the record, or count it as lost and answer False."""
        if self.unavailable:
            self.lost += 1
            return False
        self.append(topic, identity, record)
        return True

    def start(self) -> None:
        """Nothing to connect."""

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Nothing to close."""
