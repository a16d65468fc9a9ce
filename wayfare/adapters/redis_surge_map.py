"""The surge map in Redis, and the lease of who computes it: both of a city in one cluster slot."""

from __future__ import annotations

from typing import Any

import orjson
import redis

from wayfare.adapters import redis_keys
from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.pricing.surge_map import SurgeMap, to_json

# Taking a free lease and renewing one's own are one step, so that two holders can never both be told yes.
_HOLD = """
local holder = redis.call('get', KEYS[1])
if holder == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
if holder then return 0 end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1
"""
# A holder that was paused past its lease must not replace the map of the one that took over.
_PUT = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('set', KEYS[2], ARGV[2], 'ex', ARGV[3])
return 1
"""
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class RedisSurgeMap:
    """`SurgeMapStore` on Redis. holder: unique to this process."""

    def __init__(self, client: Any, holder: str) -> None:
        self._client = client
        self._holder = holder
        self._lease_ms = (redis_keys.SURGE_LEASE.expires_seconds or 0) * 1000
        self._map_s = redis_keys.SURGE_MAP.expires_seconds or 0

    def hold(self, city: str) -> bool:
        """Take or renew the lease."""
        return bool(self._run(_HOLD, [_lease(city)], [self._holder, self._lease_ms]))

    def put(self, surge_map: SurgeMap) -> bool:
        """Share the map while the lease is held."""
        keys = [_lease(surge_map.city), redis_keys.of(redis_keys.SURGE_MAP, surge_map.city)]
        return bool(self._run(_PUT, keys, [self._holder, orjson.dumps(to_json(surge_map)), self._map_s]))

    def release(self, city: str) -> None:
        """Give the lease back, so that another process takes over without waiting for its end."""
        self._run(_RELEASE, [_lease(city)], [self._holder])

    def _run(self, script: str, keys: list[str], values: list[Any]) -> int:
        try:
            return int(self._client.eval(script, len(keys), *keys, *values))
        except redis.RedisError as error:
            raise StoreUnavailable(f"Redis did not answer for {keys[-1]}, got {error}") from error


def _lease(city: str) -> str:
    return redis_keys.of(redis_keys.SURGE_LEASE, city)
