"""Connections to Cassandra: one lazy session per process, and the application of the schema.

A session is built on first use, never at import and never before a fork, and is built again when the first attempt
failed. Errors of the driver become StoreUnavailable (the ledger maps its own to LedgerUnavailable).
"""

from __future__ import annotations

import pathlib
import ssl
import threading
from typing import Any, Protocol

from cassandra import ConsistencyLevel, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import ConstantReconnectionPolicy, DCAwareRoundRobinPolicy, RoundRobinPolicy, TokenAwarePolicy

from wayfare.adapters import cassandra_schema
from wayfare.domain.errors import StoreUnavailable


class CassandraOptions(Protocol):
    """How to reach Cassandra; `wayfare.runtime.settings.CassandraSettings` says what each field means."""

    @property
    def cassandra_hosts(self) -> str: ...
    @property
    def cassandra_keyspace(self) -> str: ...
    @property
    def cassandra_username(self) -> str | None: ...
    @property
    def cassandra_password(self) -> str | None: ...
    @property
    def cassandra_ca_file(self) -> pathlib.Path | None: ...
    @property
    def cassandra_timeout_seconds(self) -> float: ...


DRIVER_ERRORS = (DriverException, NoHostAvailable, OSError)
"""What the driver raises when a statement could not be run or its outcome is unknown."""

SCHEMA_TIMEOUT_SECONDS = 60.0


def build_cluster(settings: CassandraOptions, *, data_center: str | None = None) -> Any:
    """A driver cluster that is not connected yet; the caller shuts it down.

    Reads and writes are at LOCAL_QUORUM unless a statement says otherwise. Protocol v5 is fixed: negotiating it costs
    a connection and a warning.
    """
    hosts = [_host_and_port(text) for text in settings.cassandra_hosts.split(",")]
    nearest = DCAwareRoundRobinPolicy(data_center) if data_center else RoundRobinPolicy()
    profile = ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(nearest),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=settings.cassandra_timeout_seconds,
    )
    authentication = None
    if settings.cassandra_username:
        authentication = PlainTextAuthProvider(settings.cassandra_username, settings.cassandra_password or "")
    return Cluster(
        hosts,
        protocol_version=5,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        auth_provider=authentication,
        ssl_context=ssl.create_default_context(cafile=settings.cassandra_ca_file)
        if settings.cassandra_ca_file
        else None,
        # The driver's own policy waits up to ten minutes after a long outage; a node that is back is used within a second.
        reconnection_policy=ConstantReconnectionPolicy(1.0, max_attempts=None),
        connect_timeout=settings.cassandra_timeout_seconds,
        control_connection_timeout=settings.cassandra_timeout_seconds,
    )


def _host_and_port(text: str) -> tuple[str, int]:
    host, separator, port = text.strip().rpartition(":")
    return (host, int(port)) if separator else (port, 9042)


class LazySession:
    """Call it for the process's session; the first call connects, and a failed one is tried again by the next.

    `keyspace` None gives a session without one (to create it). Safe to use from several threads.
    """

    def __init__(self, settings: CassandraOptions, *, keyspace: str | None = None) -> None:
        self._settings = settings
        self._keyspace = keyspace
        self._lock = threading.Lock()
        self._cluster: Any = None
        self._session: Any = None
        self._prepared: dict[str, Any] = {}

    def __call__(self) -> Any:
        """The driver's session; StoreUnavailable when Cassandra cannot be reached."""
        if self._session is None:
            with self._lock:
                if self._session is None:
                    self._session = self._connect()
        return self._session

    def prepared(self, query: str) -> Any:
        """The prepared form of `query`, prepared once; StoreUnavailable when Cassandra cannot do it."""
        found = self._prepared.get(query)
        if found is None:
            session = self()
            try:
                found = session.prepare(query)
            except DRIVER_ERRORS as error:
                raise StoreUnavailable(f"Cassandra could not prepare {query!r}, got {error}") from error
            self._prepared[query] = found
        return found

    def _connect(self) -> Any:
        cluster = None
        try:
            cluster = build_cluster(self._settings)  # resolves the names, which may not exist before the servers do
            session = cluster.connect(self._keyspace)
        except DRIVER_ERRORS as error:
            if cluster is not None:
                cluster.shutdown()
            raise StoreUnavailable(
                f"Cassandra at {self._settings.cassandra_hosts} cannot be reached, got {type(error).__name__}: {error}"
            ) from error
        self._cluster = cluster
        return session

    def problem(self) -> str | None:
        """A readiness check that connects if need be: None, or why Cassandra cannot be used."""
        try:
            self().execute("SELECT release_version FROM system.local")
        except (*DRIVER_ERRORS, StoreUnavailable) as error:
            return f"Cassandra does not answer, got {type(error).__name__}: {error}"
        return None

    def close(self) -> None:
        """Close all connections; the session can be used again afterwards."""
        with self._lock:
            cluster, self._cluster, self._session = self._cluster, None, None
            self._prepared.clear()
        if cluster is not None:
            cluster.shutdown()


def connect(settings: CassandraOptions) -> LazySession:
    """The process's lazy session in Wayfare's keyspace."""
    return LazySession(settings, keyspace=settings.cassandra_keyspace)


def apply_schema(settings: CassandraOptions, copies: str = "1") -> None:
    """Create the keyspace and the tables that do not exist; safe to run again. StoreUnavailable when it cannot.

    copies: as `cassandra_schema.replication` reads it.
    """
    session = LazySession(settings)
    try:
        for statement in cassandra_schema.statements(settings.cassandra_keyspace, copies):
            session().execute(statement, timeout=SCHEMA_TIMEOUT_SECONDS)
    except DRIVER_ERRORS as error:
        raise StoreUnavailable(f"the Cassandra tables could not be created, got {error}") from error
    finally:
        session.close()
