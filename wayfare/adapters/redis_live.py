"""What front ends copy from Redis of a city beside its window, in one round trip; and where operator caps are shared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson
import redis

from wayfare.adapters import redis_keys
from wayfare.domain.errors import InvalidInput, StoreUnavailable
from wayfare.domain.features.inputs import Weather
from wayfare.domain.geo.cells import from_quadkey
from wayfare.domain.pricing.caps import SurgeCap
from wayfare.domain.pricing.live import LiveParts, Observed
from wayfare.domain.pricing.surge_map import SurgeMap, from_json


class RedisLive:
    """`LiveStore` on Redis."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._map_bytes: dict[str, bytes] = {}
        self._maps: dict[str, SurgeMap] = {}

    def read(self, city: str) -> LiveParts:
        """Map, caps and weather."""
        pipe = self._client.pipeline(transaction=False)
        pipe.get(redis_keys.of(redis_keys.SURGE_MAP, city))
        pipe.get(redis_keys.of(redis_keys.SURGE_CAP, city))
        pipe.hgetall(redis_keys.of(redis_keys.WEATHER, city))
        try:
            surge_map, caps, weather = pipe.execute()
        except redis.RedisError as error:
            raise StoreUnavailable(f"Redis does not answer for the live parts of {city}, got {error}") from error
        try:
            return LiveParts(
                self._map(city, surge_map),
                tuple(SurgeCap(**cap) for cap in json.loads(caps)["caps"]) if caps else (),
                tuple(_observed(key, value) for key, value in weather.items()),
            )
        except (ValueError, KeyError, TypeError, InvalidInput) as error:
            raise StoreUnavailable(f"Redis holds live parts of {city} that cannot be read, got {error!r}") from error

    def share_caps(self, city: str, caps: Sequence[SurgeCap]) -> None:
        """Let every front end know the caps that run."""
        value = json.dumps({"caps": [asdict(cap) for cap in caps]})
        try:
            self._client.set(redis_keys.of(redis_keys.SURGE_CAP, city), value)
        except redis.RedisError as error:
            raise StoreUnavailable(f"Redis did not take the caps of {city}, got {error}") from error

    def _map(self, city: str, data: bytes | None) -> SurgeMap | None:
        if data is None:
            return None
        if self._map_bytes.get(city) != data:
            self._maps[city] = from_json(orjson.loads(data))
            self._map_bytes[city] = data
        return self._maps[city]


def _observed(quadkey: bytes, value: bytes) -> Observed:
    raw = orjson.loads(value)
    weather = Weather(raw["temperature_c"], raw["rain_mm"], raw["humidity"], raw["wind_ms"])
    return Observed(from_quadkey(quadkey.decode())[0], int(raw["t_ms"]), weather)
