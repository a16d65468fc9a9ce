"""Whether a member of a consumer group still beats.

kafka-python 3.0.12 can come to a halt when it joins a group on brokers that have just started: no heartbeat, no fetch,
no error. Whoever polls asks its `Heart` after each poll, and joins anew when it has stopped.
"""

from __future__ import annotations

import threading
import time
from typing import Any

LOST_HEARTBEAT_SECONDS = 20.0
"""Twice the session timeout: the group has given up on a member that was silent for so long."""


class Heart:
    """Watches one consumer from its making on."""

    def __init__(self) -> None:
        self._sent, self._noticed = 0.0, time.monotonic()

    def stopped(self, consumer: Any) -> bool:
        """True when the consumer has sent no heartbeat for LOST_HEARTBEAT_SECONDS."""
        # Public metrics tell this time on another clock than the one it was taken from, so the coordinator is asked.
        sent, now = float(consumer._coordinator.heartbeat.last_send), time.monotonic()
        if sent != self._sent:
            self._sent, self._noticed = sent, now
            return False
        return now - self._noticed > LOST_HEARTBEAT_SECONDS


def abandon(consumer: Any) -> None:
    """Close a consumer that hangs, on a thread of its own, because its closing may hang as well."""
    threading.Thread(target=consumer.close, kwargs={"autocommit": False, "timeout_ms": 1_000}, daemon=True).start()
