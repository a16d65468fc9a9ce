"""The live window in Redis: a hash per city and pane, each field a register that only a higher offset replaces.

One script writes everything that one ingest step has for a city, in one round trip: registers, the partition's status and
weather. It answers with the offset that the status held before, which tells the writer whether Redis still has what was
written last (a flush, or a restart from an old copy, shows as a lower offset or none).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import redis

from wayfare.adapters import redis_keys
from wayfare.domain.errors import InvalidInput, WindowUnavailable
from wayfare.domain.features.inputs import Weather
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.panes import SEEN, SEEN_PANES, WINDOW_PANES, PaneRegister

_PUT = """
-- KEYS: pane hashes. ARGV: expiry in seconds, then key index, field and bytes of each register.
local stored = 0
for i = 2, #ARGV, 3 do
  local key = KEYS[tonumber(ARGV[i])]
  local old = redis.call('HGET', key, ARGV[i + 1])
  local newer = true
  if old then
    local ohi, olo = struct.unpack('>I4I4', old)
    local nhi, nlo = struct.unpack('>I4I4', ARGV[i + 2])
    newer = nhi > ohi or (nhi == ohi and nlo > olo)
  end
  if newer then
    redis.call('HSET', key, ARGV[i + 1], ARGV[i + 2])
    stored = stored + 1
  end
end
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[1]) end
return stored
"""

_PUT_JSON = """
-- KEYS[1]: a hash. ARGV: the attribute that orders its JSON values, then field and value of each. Answers the attribute
-- of each value that was there before, as text, or an empty text.
local before = {}
for i = 2, #ARGV, 2 do
  local old = redis.call('HGET', KEYS[1], ARGV[i])
  local was = old and cjson.decode(old)[ARGV[1]]
  if not was or cjson.decode(ARGV[i + 1])[ARGV[1]] > was then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
  before[#before + 1] = was and string.format('%.0f', was) or ''
end
return before
"""


@dataclasses.dataclass(frozen=True, slots=True)
class PartitionStatus:
    """What one partition of a topic has come to in one city, as a function of its log since the first offset.

    applied and rejected count rows, ticks excluded: their sum is the number of rows of that city in the log.
    """

    topic: str
    partition: int
    covers_offset: int
    log_time_ms: int
    applied: int
    rejected: Mapping[str, int]

    @property
    def field(self) -> str:
        """Its name in the hash of statuses."""
        return f"{self.topic}|{self.partition}"


class RedisWindow:
    """`WindowStore` in Redis. Every driver error becomes WindowUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._put: Any = client.register_script(_PUT)
        self._put_json: Any = client.register_script(_PUT_JSON)

    def put(self, registers: Sequence[PaneRegister]) -> int:
        """Store each register unless one with the same or a higher offset is there; returns how many were stored."""
        by_city: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
        for register in registers:
            by_city[register.city].append((register.key, pane_bytes.encode(pane_bytes.exact(register))))
        return sum(self.put_bytes(city, encoded) for city, encoded in by_city.items())

    def put_bytes(self, city: str, registers: Sequence[tuple[str, bytes]]) -> int:
        """`put` for registers of one city already encoded, as (register key, bytes), in one round trip."""
        keys: dict[str, int] = {}
        arguments: list[Any] = [redis_keys.PANE.expires_seconds]
        for key, data in registers:
            _city, rest = key.split("|", 1)
            field, pane = rest.rsplit("|", 1)
            at = keys.setdefault(_key_of(city, field, int(pane)), len(keys) + 1)
            arguments += (at, field, data)
        if not keys:
            return 0
        with _errors("written"):
            return int(self._put(keys=list(keys), args=arguments))

    def read(self, city: str, newest_pane: int, whole: Collection[int] = ()) -> list[PaneRegister]:
        """All registers of the panes `newest_pane - WINDOW_PANES` to `newest_pane + 1`, exact parts, in one round trip.

        whole: panes that the reader has whole already, left out.
        """
        held = self.read_bytes(city, newest_pane, whole)
        try:
            return [pane_bytes.decode(key, data) for key, data in held.items()]
        except InvalidInput as error:
            raise WindowUnavailable(f"the live window holds something else than panes: {error}") from error

    def read_bytes(self, city: str, newest_pane: int, whole: Collection[int] = ()) -> dict[str, bytes]:
        """The same registers by their keys, as they are stored."""
        panes = [pane for pane in range(newest_pane - WINDOW_PANES, newest_pane + 2) if pane not in whole]
        with _errors("read"):
            pipeline = self._redis.pipeline(transaction=False)
            for pane in panes:
                pipeline.hgetall(redis_keys.of(redis_keys.PANE, city, pane))
            answers = pipeline.execute()
        return {
            f"{city}|{field.decode()}|{pane}": data
            for pane, answer in zip(panes, answers, strict=True)
            for field, data in answer.items()
        }

    def read_seen(self, city: str, interval: int) -> list[PaneRegister]:
        """The whole registers of cabs seen of one aligned interval, one for each partition that has closed it."""
        try:
            return [pane_bytes.decode(key, data) for key, data in self.read_seen_bytes(city, [interval]).items()]
        except InvalidInput as error:
            raise WindowUnavailable(f"the live window holds something else than panes: {error}") from error

    def read_seen_bytes(self, city: str, intervals: Sequence[int]) -> dict[str, bytes]:
        """Registers of cabs seen by their keys, as they are stored."""
        with _errors("read"):
            pipeline = self._redis.pipeline(transaction=False)
            for interval in intervals:
                pipeline.hgetall(redis_keys.of(redis_keys.SEEN, city, interval))
            answers = pipeline.execute()
        return {
            f"{city}|{field.decode()}|{(interval + 1) * SEEN_PANES - 1}": data
            for interval, answer in zip(intervals, answers, strict=True)
            for field, data in answer.items()
        }

    def put_status(self, city: str, statuses: Sequence[PartitionStatus]) -> list[int | None]:
        """Store each status unless it is older; returns the offset that each field covered before, None for none."""
        arguments: list[Any] = ["covers_offset"]
        for status in statuses:
            value = {
                "covers_offset": status.covers_offset,
                "log_time_ms": status.log_time_ms,
                "applied": status.applied,
                "rejected": dict(sorted(status.rejected.items())),
            }
            arguments += (status.field, json.dumps(value))
        with _errors("written"):
            before = self._put_json(keys=[redis_keys.of(redis_keys.INGEST, city)], args=arguments)
        return [int(text) if text else None for text in before]

    def put_weather(self, city: str, newest: Mapping[str, Mapping[str, float]]) -> None:
        """Store the newest observation of each quadkey, by its `t_ms`."""
        arguments: list[Any] = ["t_ms"]
        for quadkey, observation in newest.items():
            arguments += (quadkey, json.dumps(observation))
        with _errors("written"):
            self._put_json(keys=[redis_keys.of(redis_keys.WEATHER, city)], args=arguments)


def _key_of(city: str, field: str, pane: int) -> str:
    if field.startswith(f"{SEEN}|"):
        return redis_keys.of(redis_keys.SEEN, city, pane // SEEN_PANES)
    return redis_keys.of(redis_keys.PANE, city, pane)


def ingest_status(client: redis.Redis, city: str) -> list[PartitionStatus]:
    """What ingest has come to in each partition of each topic for a city; WindowUnavailable when Redis cannot say."""
    with _errors("read"):
        fields: Any = client.hgetall(redis_keys.of(redis_keys.INGEST, city))
    found = []
    for field, value in sorted(fields.items()):
        topic, partition = field.decode().split("|")
        found.append(PartitionStatus(topic=topic, partition=int(partition), **json.loads(value)))
    return found


def weather_observations(client: redis.Redis, city: str) -> dict[str, tuple[int, Weather]]:
    """The newest observation by quadkey (counting level): when it was made in city time, and what it says."""
    with _errors("read"):
        fields: Any = client.hgetall(redis_keys.of(redis_keys.WEATHER, city))
    found = {}
    for quadkey, value in fields.items():
        raw = json.loads(value)
        found[quadkey.decode()] = (
            int(raw["t_ms"]),
            Weather(raw["temperature_c"], raw["rain_mm"], raw["humidity"], raw["wind_ms"]),
        )
    return found


@contextlib.contextmanager
def _errors(verb: str) -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise WindowUnavailable(f"the live window cannot be {verb}: {error}, got {type(error).__name__}") from error
