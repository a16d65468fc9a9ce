"""Which generations of topics there are, and which is written to: the newest that the brokers know of.

Every writer asks them about once a second, and writes nothing when they have not answered for LEASE_SECONDS. So from that
long after a newer generation was made nobody hands a record to the older one any more, and it can be sealed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from wayfare.adapters.kafka_admin import admin
from wayfare.domain.errors import LogUnavailable
from wayfare.domain.streams import generation

LOOK_SECONDS = 1.0
LEASE_SECONDS = 10.0
"""Ten missed answers: a broker's restart is shorter, and a cut-over keeps prices waiting for as long."""
_CALL_SECONDS = 3.0


class Generations:
    """See the module. Thread-safe; a daemon thread asks from the first use on. patience_seconds: longest wait for the first answer."""

    def __init__(self, options: Mapping[str, object], patience_seconds: float) -> None:
        self._options, self._patience = dict(options), patience_seconds
        self._lock = threading.Lock()
        self._told = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._names: frozenset[str] = frozenset()
        self._asked_at = 0.0
        self._why = "they were not asked yet"

    def start(self) -> None:
        """Begin to ask, once."""
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._ask, name="kafka-generations", daemon=True)
                self._thread.start()

    def newest(self, topic: str) -> str:
        """The name to write to; LogUnavailable when the brokers have not told it lately."""
        self.start()
        self._told.wait(self._patience)
        if self.problem is not None:
            raise LogUnavailable(
                f"the newest generation of {topic} is not known: {self.problem}, got none newer than {LEASE_SECONDS:g} s"
            )
        return generation.newest(topic, self._names) or topic

    @property
    def names(self) -> frozenset[str]:
        """Every topic that the brokers told of last; empty before that."""
        return self._names

    @property
    def problem(self) -> str | None:
        """Why nothing may be written now; None when the brokers have answered lately."""
        if self._told.is_set() and time.monotonic() - self._asked_at <= LEASE_SECONDS:
            return None
        return f"the brokers have not told lately which topics there are: {self._why}"

    def _ask(self) -> None:
        while not self._closed.is_set():
            try:
                with admin(self._options, _CALL_SECONDS) as client:
                    while not self._closed.is_set():
                        asked_at = time.monotonic()
                        self._names = frozenset(client.list_topics())
                        self._asked_at, self._why = asked_at, "they were asked too long ago"
                        self._told.set()
                        self._closed.wait(LOOK_SECONDS)
            except LogUnavailable as error:
                self._why = str(error)
                self._closed.wait(LOOK_SECONDS)

    def close(self) -> None:
        """Ask no more."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join(_CALL_SECONDS)
