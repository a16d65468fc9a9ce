"""Records of a partition as columns: JSON and packed ones alike, and the dead letters among them.

Consecutive JSON events of one city become one block of columns. The quick path reads fields without judging them one by
one and checks whole columns afterwards; a block that fails a check is read again event by event, so what is refused, and
why, is decided by `json_events` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from wayfare.adapters import arrow_columns, arrow_events, json_events
from wayfare.adapters.kafka_client import ARROW, JSON
from wayfare.adapters.kafka_events import KIND_HEADER, TICK
from wayfare.domain.errors import InvalidInput
from wayfare.domain.ids import is_id
from wayfare.domain.streams.columns import (
    PingColumns,
    RequestColumns,
    Segment,
    TickAt,
    Unreadable,
    WeatherColumns,
    joined,
)
from wayfare.domain.streams.events import (
    NO_CITY,
    PING_STATUSES,
    REQUEST_STATUSES,
    SCHEMA,
    DriverPing,
    Recorded,
    RideRequest,
    WeatherObservation,
)
from wayfare.domain.streams.partition import partitions_of

_PING_STATUS = {status: i for i, status in enumerate(PING_STATUSES)}
_REQUEST_STATUS = {status: i for i, status in enumerate(REQUEST_STATUSES)}
_JSON, _ARROW = JSON.encode(), ARROW.encode()
_OWNED_MOST = 2_000_000
_RECORDED = (b"-01", b"-03")
"""Flags of a traceparent with the bit of sampling, without and with that of random ids (W3C Trace Context 2)."""
MOST_TRACED = 100
"""Traces that are followed out of one read of the log: what they cost stays bounded whatever callers sample."""


class DeadLetter(NamedTuple):
    """A record, or a row of a packed one, that could not be used: original bytes, key and headers, and why."""

    offset: int
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]
    reason: str
    error: str
    rows: int


class Traced(NamedTuple):
    """A record whose trace is recorded. log_ms: when the log took it, wall time in ms."""

    offset: int
    traceparent: str
    log_ms: int


@dataclass(slots=True)
class Decoded:
    """Segments by city in log order, dead letters, the last offset read, and up to `MOST_TRACED` recorded traces."""

    segments: dict[str, list[Segment]] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    last_offset: int = -1
    traced: list[Traced] = field(default_factory=list)

    def add(self, city: str, segment: Segment) -> None:
        """The next segment of a city."""
        self.segments.setdefault(city, []).append(segment)


class Decoder:
    """Decodes one partition of one topic; remembers which identities are known to belong to it."""

    def __init__(self, topic: str, partition: int, partitions: int) -> None:
        self._topic = topic
        self._partition = partition
        self._partitions = partitions
        self._owned: set[str] = set()

    def decode(self, records: Iterable[Any]) -> Decoded:
        """The segments of consecutive records (each with offset, key, value, headers)."""
        out = Decoded()
        block: list[Any] = []
        for record in records:
            out.last_offset = record.offset
            kind, tick = b"", False
            for name, text in record.headers:
                if name == "content-type":
                    kind = text
                elif name == KIND_HEADER:
                    tick = text == TICK
                elif name == "traceparent" and text.endswith(_RECORDED) and len(out.traced) < MOST_TRACED:
                    out.traced.append(Traced(record.offset, text.decode("ascii", "replace"), record.timestamp))
            if kind == _JSON and not tick:
                block.append(record)
                continue
            self._json(block, out)
            block = []
            if kind == _JSON:
                self._tick(record, out)
            elif kind == _ARROW:
                self._packed(record, out)
            else:
                self._refuse(record, f"content-type must be {JSON} or {ARROW}, got {bytes(kind or b'')[:80]!r}", out)
        self._json(block, out)
        out.segments = {city: joined(segments) for city, segments in out.segments.items()}
        return out

    def _refuse(
        self, record: Any, error: str, out: Decoded, reason: str = "unreadable", city: str = NO_CITY, rows: int = 1
    ) -> None:
        value = record.value or b""
        out.dead.append(DeadLetter(record.offset, record.key, value, list(record.headers), reason, error, rows))
        out.add(city, Unreadable(record.offset, reason, rows))

    def _tick(self, record: Any, out: Decoded) -> None:
        try:
            for city, received_ms in json_events.tick(record.value or b"").received_at_ms.items():
                out.add(city, TickAt(record.offset, received_ms))
        except InvalidInput as error:
            # A tick is no row: it is set aside but counts as nothing.
            headers = list(record.headers)
            out.dead.append(
                DeadLetter(record.offset, record.key, record.value or b"", headers, "unreadable", str(error), 0)
            )

    def _packed(self, record: Any, out: Decoded) -> None:
        try:
            batch = arrow_events.unpack(self._topic, record.value or b"")
        except InvalidInput as error:
            self._refuse(record, str(error), out)
            return
        read = arrow_columns.read(self._topic, batch, record.offset, self._owned)
        for city, part in read.cities:
            mine = self._mine(arrow_columns.identities(part))
            if mine.all():
                out.add(city, part)
                continue
            kept = arrow_columns.take(part, np.flatnonzero(mine))
            if len(kept.offset):
                out.add(city, kept)
            # The whole record is kept once; its rows are counted by reason.
            others = int((~mine).sum())
            problem = f"a packed record holds identities of its own partition {self._partition}, got {others} others"
            self._refuse(record, problem, out, "foreign_partition", city, others)
        if read.unreadable:
            self._refuse(record, read.error, out, rows=read.unreadable)

    def _mine(self, identities: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which identities belong to this partition."""
        owned = self._owned
        new = [i for i, identity in enumerate(identities) if identity not in owned]
        mine = np.ones(len(identities), bool)
        if new:
            here = partitions_of([identities[i] for i in new], self._partitions) == self._partition
            if len(owned) > _OWNED_MOST:
                owned.clear()
            owned.update(identities[i] for i, yes in zip(new, here.tolist(), strict=True) if yes)
            mine[np.array(new)] = here
        return mine

    def _json(self, records: list[Any], out: Decoded) -> None:
        """A block of consecutive JSON events."""
        if not records:
            return
        if self._topic == "driver-pings":
            quick = _quick_pings(records)
            if quick is not None and all(self._mine(part.ids).all() for _city, part in quick):
                for city, part in quick:
                    out.add(city, part)
                return
        good: list[tuple[Any, Recorded]] = []
        for record in records:
            city = NO_CITY
            try:
                city = _city_of(record.value or b"")
                recorded = json_events.recorded(self._topic, record.value or b"")
                if not self._mine([recorded.event.identity])[0]:
                    problem = (
                        f"identity {recorded.event.identity!r} belongs to another partition, got {self._partition}"
                    )
                    self._refuse(record, problem, out, "foreign_partition", city)
                    continue
                good.append((record, recorded))
            except InvalidInput as error:
                self._refuse(record, str(error), out, city=city)
        for city in dict.fromkeys(recorded.city for _record, recorded in good):
            rows = [(record, recorded) for record, recorded in good if recorded.city == city]
            offsets = np.array([record.offset for record, _recorded in rows], np.int64)
            out.add(city, columns_of([recorded for _record, recorded in rows], offsets))


def columns_of(rows: Sequence[Recorded], offsets: npt.NDArray[np.int64]) -> Any:
    """Columns of events of one kind and city."""
    received = np.array([row.received_at_ms for row in rows], np.int64)
    events: list[Any] = [row.event for row in rows]
    if isinstance(events[0], WeatherObservation):
        return WeatherColumns(offsets, received, list(rows))
    ids = [event.identity for event in events]
    t_ms = np.array([event.t_ms for event in events], np.int64)
    if isinstance(events[0], RideRequest):
        pickups = [event.pickup or (np.nan, np.nan) for event in events]
        return RequestColumns(
            offsets, received, ids, t_ms,
            np.array([p[0] for p in pickups], np.float64), np.array([p[1] for p in pickups], np.float64),
            np.array([_REQUEST_STATUS[event.status] for event in events], np.int8),
        )  # fmt: skip
    assert isinstance(events[0], DriverPing)
    drops = [event.dropoff or (np.nan, np.nan) for event in events]
    return PingColumns(
        offsets, received, ids, t_ms,
        np.array([event.lat for event in events], np.float64), np.array([event.lon for event in events], np.float64),
        np.array([_PING_STATUS[event.status] for event in events], np.int8),
        np.array([d[0] for d in drops], np.float64), np.array([d[1] for d in drops], np.float64),
    )  # fmt: skip


def _city_of(value: bytes) -> str:
    """The city that a record names, where it can be read, so that a refused row is counted where it belongs."""
    try:
        city = orjson.loads(value)["city"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return NO_CITY
    return city if isinstance(city, str) and 0 < len(city) <= 64 else NO_CITY


def _quick_pings(records: list[Any]) -> list[tuple[str, PingColumns]] | None:
    """Columns by city of a block of pings that are all sound; None to have them judged one by one."""
    rows = []
    loads = orjson.loads
    try:
        for record in records:
            raw = loads(record.value)
            drop = raw.get("dropoff")
            if raw["schema"] != SCHEMA:
                return None
            rows.append(
                (
                    raw["city"],
                    record.offset,
                    raw["driver_id"],
                    raw["t"],
                    raw["received_at"],
                    raw["lat"],
                    raw["lon"],
                    _PING_STATUS[raw["status"]],
                    np.nan if drop is None else drop["lat"],
                    np.nan if drop is None else drop["lon"],
                )
            )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None
    cities, offsets, ids, t, received, lat, lon, status, drop_lat, drop_lon = zip(*rows, strict=True)
    numbers = [*lat, *lon, *drop_lat, *drop_lon]
    if not {type(n) for n in numbers} <= {int, float} or not {type(i) for i in (*ids, *cities)} <= {str}:
        return None
    t_ms, received_ms = _times(t), _times(received)
    if t_ms is None or received_ms is None or not all(map(is_id, set(ids))):
        return None
    try:
        at = np.array(numbers, np.float64).reshape(4, len(rows))
    except OverflowError:
        return None
    with np.errstate(invalid="ignore"):
        if not (np.abs(at[0]) <= 90).all() or not (np.abs(at[1]) <= 180).all():
            return None
        if (np.abs(at[2]) > 90).any() or (np.abs(at[3]) > 180).any():
            return None
    columns = PingColumns(
        np.array(offsets, np.int64), received_ms, ids, t_ms, at[0], at[1], np.array(status, np.int8), at[2], at[3]
    )
    names = dict.fromkeys(cities)
    if len(names) == 1:
        return [(cities[0], columns)]
    of = np.array(cities)
    return [(city, arrow_columns.take(columns, np.flatnonzero(of == city))) for city in names]


_SHAPE = np.frombuffer(b"0000-00-00T00:00:00", np.uint8)
_PUNCTUATION = ~np.isin(_SHAPE, np.frombuffer(b"0", np.uint8))


def _times(texts: Sequence[str]) -> npt.NDArray[np.int64] | None:
    """Milliseconds of RFC 3339 times with no or three digits after the second; None when any is anything else."""
    lengths = {len(text) for text in texts if type(text) is str}
    if not lengths <= {20, 24} or len(lengths) == 0 or any(type(text) is not str for text in texts):
        return None
    try:
        letters = np.array(texts, "S24").view(np.uint8).reshape(len(texts), 24)
    except UnicodeEncodeError:
        return None
    whole = letters[:, :19]
    digits = (letters >= 48) & (letters <= 57)
    long = letters[:, 20] != 0
    ends = np.where(long, letters[:, 23], letters[:, 19]) == ord("Z")
    fraction = ~long | ((letters[:, 19] == ord(".")) & digits[:, 20:23].all(axis=1))
    sound = (whole[:, _PUNCTUATION] == _SHAPE[_PUNCTUATION]).all() and digits[:, :19][:, ~_PUNCTUATION].all()
    if not (sound and ends.all() and fraction.all()):
        return None
    try:
        seconds = np.array([text[:19] for text in texts], "datetime64[s]").astype(np.int64)
    except ValueError:
        return None
    parts = letters[:, 20:23].astype(np.int64) - 48
    return seconds * 1000 + np.where(long, parts @ np.array([100, 10, 1]), 0)
