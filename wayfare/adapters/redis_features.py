"""Riders' and cells' features in Redis, for front ends; rebuilt by the daily batch. Keys: `redis_keys.RIDER`, `CELLS`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import redis

from wayfare.adapters import redis_keys
from wayfare.domain.city import Place
from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.features.inputs import RiderHistory
from wayfare.domain.features.stores import NOBODY, CellFeatures

_BATCH = 500


class RedisFeatures:
    """RiderStore and CellStore on one client. The client's own socket timeout bounds each call."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def write(self, city: str, as_of: dt.date, days_seen: int, histories: Mapping[str, RiderHistory]) -> None:
        """Replace the riders' aggregates, nobody's last, so that no rider of the new day is missed before it shows."""
        rows = [*histories.items(), (NOBODY, RiderHistory(0, days_seen))]
        try:
            for start in range(0, len(rows), _BATCH):
                pipe = self._client.pipeline(transaction=False)
                for rider, history in rows[start : start + _BATCH]:
                    key = redis_keys.of(redis_keys.RIDER, city, rider)
                    pipe.delete(key)
                    pipe.hset(key, mapping=_fields(history, as_of))
                    pipe.expire(key, redis_keys.RIDER.expires_seconds)
                pipe.execute()
        except redis.RedisError as error:
            raise StoreUnavailable(f"Redis did not take the riders of {city}, got {error}") from error

    def read(self, city: str, rider_id: str, timeout_s: float) -> RiderHistory | None:
        """The rider's aggregates, or nobody's, or None, in one round trip."""
        pipe = self._client.pipeline(transaction=False)
        for rider in (rider_id, NOBODY):
            pipe.hgetall(redis_keys.of(redis_keys.RIDER, city, rider))
        try:
            found, nobody = ({_text(name): _text(value) for name, value in fields.items()} for fields in pipe.execute())
        except redis.RedisError as error:
            raise StoreUnavailable(f"Redis does not answer for rider {rider_id}, got {error}") from error
        if not nobody:
            return None
        newest = found if found.get("as_of") == nobody["as_of"] else nobody
        return RiderHistory(
            int(newest["n"]),
            int(newest["days"]),
            {float(name[2:]): int(count) for name, count in newest.items() if name.startswith("m:")},
            {name[2:]: int(count) for name, count in newest.items() if name.startswith("p:")},
        )

    def write_cells(self, city: str, as_of: dt.date, cells: Mapping[int, CellFeatures]) -> None:
        """Replace all cells of a city in one step."""
        key = redis_keys.of(redis_keys.CELLS, city)
        pipe = self._client.pipeline(transaction=True)
        pipe.delete(key)
        if cells:
            pipe.hset(key, mapping={str(cell): _cell_json(known) for cell, known in cells.items()})
        try:
            pipe.execute()
        except redis.RedisError as error:
            raise StoreUnavailable(f"Redis did not take the cells of {city}, got {error}") from error

    def read_cells(self, city: str) -> dict[int, CellFeatures]:
        """All cells of a city."""
        try:
            fields = self._client.hgetall(redis_keys.of(redis_keys.CELLS, city))
        except redis.RedisError as error:
            raise StoreUnavailable(f"Redis does not answer for the cells of {city}, got {error}") from error
        return {int(cell): _cell_from_json(value) for cell, value in fields.items()}


def _fields(history: RiderHistory, as_of: dt.date) -> dict[str, int | str]:
    return {
        "n": history.bookings,
        "days": history.days_seen,
        "as_of": as_of.isoformat(),
        **{f"m:{level}": count for level, count in history.by_multiplier.items()},
        **{f"p:{pair}": count for pair, count in history.by_pair.items()},
    }


def _cell_json(known: CellFeatures) -> str:
    place = known.median_dropoff
    return json.dumps(
        {
            "place_kind": known.place_kind,
            "median_dropoff": None if place is None else place._asdict(),
            "trips": known.trips,
        }
    )


def _cell_from_json(value: bytes | str) -> CellFeatures:
    raw = json.loads(value)
    place = raw["median_dropoff"]
    return CellFeatures(raw["place_kind"], None if place is None else Place(**place), raw["trips"])


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
