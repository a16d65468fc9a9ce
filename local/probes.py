"""Whether a process does its work: a real request to each, not only an open port."""

from __future__ import annotations

import logging
import pathlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx
import redis

from local import ports
from wayfare.adapters import cassandra_session, kafka_admin
from wayfare.domain.errors import WayfareError
from wayfare.runtime.settings import CassandraSettings

TIMEOUT_SECONDS = 3.0

Probe = Callable[[], str | None]
"""Answers None when the process does its work, else why not, as a sentence."""


@contextmanager
def quiet_drivers() -> Iterator[None]:
    """Drivers shout into the log when a server is not up yet, which is what a probe is there to find out."""
    loggers = [logging.getLogger(name) for name in ("kafka", "cassandra")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def kafka(port: int) -> str | None:
    """None when Kafka answers a metadata request, else why not."""
    if not ports.answers(port):
        return f"does not listen on port {port}"
    try:
        kafka_admin.topic_names({"bootstrap_servers": [f"{ports.LOOPBACK}:{port}"]}, TIMEOUT_SECONDS)
    except WayfareError as error:
        return str(error)
    return None


def redis_ping(port: int) -> str | None:
    """None when Redis answers PING, else why not."""
    try:
        with redis.Redis(host=ports.LOOPBACK, port=port, socket_timeout=TIMEOUT_SECONDS) as client:
            client.ping()
    except (redis.RedisError, OSError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def cassandra(port: int, state: pathlib.Path) -> str | None:
    """None when Cassandra answers a CQL query, else why not."""
    if not ports.answers(port):
        return f"does not listen on port {port}"
    session = cassandra_session.LazySession(cassandra_settings(port, state))
    try:
        return session.problem()
    finally:
        session.close()


def cassandra_settings(port: int, state: pathlib.Path) -> CassandraSettings:
    """How to reach the local Cassandra."""
    return CassandraSettings(state=state, cassandra_hosts=f"{ports.LOOPBACK}:{port}", cassandra_timeout_seconds=10.0)


def service(admin_port: int, path: str = "/readyz") -> str | None:
    """None when the admin port of a service answers 200, else the reasons it gives."""
    try:
        answer = httpx.get(f"http://{ports.LOOPBACK}:{admin_port}{path}", timeout=TIMEOUT_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        return f"admin port does not answer: {type(error).__name__}"
    if answer.status_code == 200:
        return None
    try:
        reasons = answer.json()["reasons"]
    except (ValueError, KeyError, TypeError):
        return f"admin port answered {answer.status_code}"
    return "not ready: " + "; ".join(f"{name}: {reason}" for name, reason in sorted(reasons.items()))


def of_service(name: str, chosen: Mapping[str, int], path: str = "/readyz") -> Probe:
    """The probe of one of Wayfare's services: readiness, or with `/healthz` whether it lives."""
    port = chosen[f"{name}.admin"]
    return lambda: service(port, path)


def watcher(port: int, path: str) -> str | None:
    """None when a server that watches answers 200, else why not."""
    try:
        answer = httpx.get(f"http://{ports.LOOPBACK}:{port}{path}", timeout=TIMEOUT_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        return f"does not answer: {type(error).__name__}"
    return None if answer.status_code == 200 else f"answered {answer.status_code}"


def of_server(name: str, chosen: Mapping[str, int], state: pathlib.Path) -> Probe:
    """The probe of a third-party server."""
    port = chosen[name]
    probes: dict[str, Probe] = {
        "kafka": lambda: kafka(port),
        "redis": lambda: redis_ping(port),
        "cassandra": lambda: cassandra(port, state),
        "prometheus": lambda: watcher(port, "/-/ready"),
        "alertmanager": lambda: watcher(port, "/-/ready"),
        "node_exporter": lambda: watcher(port, "/metrics"),
    }
    return probes[name]
