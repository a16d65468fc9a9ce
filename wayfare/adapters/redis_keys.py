"""Every Redis key: `wf:{city}:<what>:...`, the city in braces so that a city lives in one cluster slot.

Everything here can be rebuilt from Kafka and Cassandra. The documentation's table is generated from `KEYS`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """One kind of key: its pattern, Redis type, what it holds with units, who writes it, and its expiry in seconds."""

    pattern: str
    kind: str
    holds: str
    writer: str
    expires_seconds: int | None


PANE = Key(
    "wf:{%s}:pane:%d",
    "hash",
    "field gauge|topic|partition: 8-byte big-endian offset covered, then the exact part of the pane register",
    "ingest",
    7200,
)
SEEN = Key(
    "wf:{%s}:seen:%d",
    "hash",
    "field gauge|topic|partition: 8-byte big-endian offset covered, then the whole register of cabs seen in an aligned ten minutes",
    "ingest",
    7200,
)
INGEST = Key(
    "wf:{%s}:ingest",
    "hash",
    "field topic|partition: JSON of the offset covered, log time in ms, and rows applied and rejected by reason since the first offset",
    "ingest",
    None,
)
WEATHER = Key("wf:{%s}:weather", "hash", "field quadkey: JSON of the newest observation there", "ingest", None)
RIDER = Key(
    "wf:{%s}:rider:%s",
    "hash",
    "fields n, days, as_of, m:<multiplier>, p:<pickup cell>-<drop cell>: 30-day bookings",
    "pipelines/surge",
    3 * 86_400,
)
CELLS = Key(
    "wf:{%s}:cells", "hash", "field cell id: JSON of place_kind, median drop place, trips", "pipelines/surge", None
)
SURGE_MAP = Key("wf:{%s}:surge-map", "string", "JSON of the surge map and its tick", "pricing_api lease holder", 600)
SURGE_LEASE = Key("wf:{%s}:surge-lease", "string", "id of the process that computes the surge map", "pricing_api", 3)
SURGE_CAP = Key("wf:{%s}:surge-cap", "string", "JSON of the operator caps that run", "pricing_api", None)
IDEMPOTENCY = Key(
    "wf:{%s}:idempotency:%s", "string", "JSON of body hash and answer of one Idempotency-Key", "pricing_api", 86_400
)

KEYS = (PANE, SEEN, INGEST, WEATHER, RIDER, CELLS, SURGE_MAP, SURGE_LEASE, SURGE_CAP, IDEMPOTENCY)


def of(key: Key, *parts: object) -> str:
    """The concrete key.

    >>> of(PANE, "sf", 20186780)
    'wf:{sf}:pane:20186780'
    """
    return key.pattern % parts
