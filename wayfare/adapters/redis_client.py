"""Redis clients as Wayfare uses them: every call bounded, nothing retried behind the caller's back."""

from __future__ import annotations

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect(url: str, timeout_seconds: float) -> redis.Redis:
    """A thread-safe client that connects at first use; no call or connection waits longer than the timeout.

    The driver's own retries are off: they would spend a request's deadline without telling it.
    """
    client: redis.Redis = redis.Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
    )
    return client
