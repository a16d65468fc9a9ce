"""First answers in Redis: one string per key, a claim by SET NX with an expiry, then the answer in its place.

A claim's value carries its owner, and `keep` and `release` compare it in a script, so that an attempt that outlived
its claim can never overwrite a later one. When Redis failed a moment ago, further calls fail at once for
`rest_seconds`, so that a Redis that hangs costs one time-out and not one per request.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import redis

from wayfare.adapters import redis_keys
from wayfare.domain.errors import Conflict, StoreUnavailable
from wayfare.domain.idempotency import IN_PROGRESS, Claim, InProgress, KeptAnswer

_REPLACE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
"""


class RedisIdempotency:
    """Implements IdempotencyStore over a redis-py client whose own time-outs bound every call."""

    def __init__(
        self, client: redis.Redis, rest_seconds: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._replace = client.register_script(_REPLACE)
        self._rest, self._clock = rest_seconds, clock
        self._rests_until = float("-inf")

    def claim(self, key: str, fingerprint: str, claim_seconds: float) -> Claim | KeptAnswer | InProgress:
        """Claim the key, or tell what holds it."""
        claim = Claim(key, fingerprint, secrets.token_hex(8))
        expires_ms = max(1, round(claim_seconds * 1000))
        held = self._call(lambda: self._client.set(_name(key), _claimed(claim), nx=True, get=True, px=expires_ms))
        if held is None:
            return claim
        try:
            entry = json.loads(held)
            if entry["body"] != fingerprint:
                raise Conflict("this Idempotency-Key was used with another body, got a different one")
            if "owner" in entry:
                return IN_PROGRESS
            return KeptAnswer(entry["status"], entry["media_type"], base64.b64decode(entry["answer"]))
        except (ValueError, KeyError, TypeError) as error:
            raise StoreUnavailable(f"an idempotency entry cannot be read, got {held[:64]!r}") from error

    def keep(self, claim: Claim, answer: KeptAnswer, keep_seconds: float) -> None:
        """Replace the claim by its answer."""
        entry = {
            "body": claim.fingerprint,
            "status": answer.status,
            "media_type": answer.media_type,
            "answer": base64.b64encode(answer.body).decode(),
        }
        arguments: list[str | int] = [_claimed(claim), json.dumps(entry), round(keep_seconds * 1000)]
        self._call(lambda: self._replace(keys=[_name(claim.key)], args=arguments))

    def release(self, claim: Claim) -> None:
        """Free the key."""
        self._call(lambda: self._replace(keys=[_name(claim.key)], args=[_claimed(claim), "", 0]))

    def _call(self, command: Callable[[], Any]) -> Any:
        if self._clock() < self._rests_until:
            raise StoreUnavailable("Redis failed a moment ago and is left alone for now")
        try:
            return command()
        except (redis.RedisError, OSError) as error:
            self._rests_until = self._clock() + self._rest
            raise StoreUnavailable(f"Redis cannot keep idempotency keys: {type(error).__name__} {error}") from error


def _name(key: str) -> str:
    # The first digits of the hash stand in for a city, so that keys spread over the slots of a cluster.
    return redis_keys.of(redis_keys.IDEMPOTENCY, f"any-{key[:2]}", key)


def _claimed(claim: Claim) -> str:
    return json.dumps({"body": claim.fingerprint, "owner": claim.owner}, sort_keys=True)
