"""Ports to the log of events: what the domain needs of Kafka, in the domain's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from wayfare.domain.streams.events import Event


class EventLog(Protocol):
    """Where events are recorded before anything is answered."""

    def append(self, topic: str, city: str, events: Sequence[Event], received_at_ms: int, sender: str = "") -> None:
        """Return once every event is acknowledged by the log; LogUnavailable when not all are known to be.

        sender: subject of the token that sent the events, recorded beside them so that they can be accounted for.
        """

    def tick(self, topic: str, received_at_ms: Mapping[str, int]) -> None:
        """Move time: one tick record to each partition of `topic`, with each city's clock in milliseconds."""


class RecordLog(Protocol):
    """Where a process writes what it did (predictions, outcomes): JSON records keyed by identity."""

    def append(self, topic: str, identity: str, record: Mapping[str, Any]) -> None:
        """Return once the log has acknowledged; LogUnavailable otherwise."""

    def offer(self, topic: str, identity: str, record: Mapping[str, Any]) -> bool:
        """Queue without waiting; False, and counted, when the bounded queue is full or the log unreachable."""
