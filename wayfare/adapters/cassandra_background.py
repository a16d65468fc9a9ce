"""A session of Cassandra for front ends: a request never waits for a connection to be made."""

from __future__ import annotations

import threading
from typing import Any

from wayfare.adapters.cassandra_session import CassandraOptions, LazySession
from wayfare.domain.errors import StoreUnavailable


class BackgroundSession(LazySession):
    """Until a thread of its own has connected, every use raises StoreUnavailable at once. Call `start` in the worker."""

    def __init__(self, settings: CassandraOptions, *, statements: tuple[str, ...] = (), pause_s: float = 1.0) -> None:
        super().__init__(settings, keyspace=settings.cassandra_keyspace)
        self._statements = statements
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._reason: str | None = "not connected to Cassandra yet"
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to connect, and prepare the statements that requests will use."""
        self._thread = threading.Thread(target=self._connect_until_there, name="cassandra-connect", daemon=True)
        self._thread.start()

    def __call__(self) -> Any:
        """The driver's session; StoreUnavailable while there is none."""
        self._refuse_unless_there()
        return super().__call__()

    def prepared(self, query: str) -> Any:
        """The prepared form of `query`; StoreUnavailable while there is no session."""
        self._refuse_unless_there()
        return super().prepared(query)

    def problem(self) -> str | None:
        """Why Cassandra cannot be used, as far as this process knows, without asking it."""
        return self._reason

    def close(self) -> None:
        """Stop connecting, and close."""
        self._stop.set()
        super().close()

    def _refuse_unless_there(self) -> None:
        if self._reason is not None and threading.current_thread() is not self._thread:
            raise StoreUnavailable(self._reason)

    def _connect_until_there(self) -> None:
        while not self._stop.is_set():
            try:
                for query in self._statements:
                    super().prepared(query)
                super().__call__()
                self._reason = None
                return
            except StoreUnavailable as error:
                self._reason = str(error)
                self._stop.wait(self._pause_s)
