"""Records of a partition as columns: JSON and packed ones alike, the dead letters among them, and where it was sealed.

Consecutive JSON events of one city become one block of columns (`json_columns`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from wayfare.adapters import arrow_columns, arrow_events, json_events
from wayfare.adapters.json_columns import columns_of, quick_pings
from wayfare.adapters.kafka_client import ARROW, JSON
from wayfare.adapters.kafka_events import KIND_HEADER, SEAL, TICK
from wayfare.adapters.kafka_unpacking import REFUSED_HEADER
from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams.columns import Identities, Segment, TickAt, Unreadable, joined
from wayfare.domain.streams.events import NO_CITY, Recorded
from wayfare.domain.streams.generation import topic_of
from wayfare.domain.streams.partition import partitions_of
from wayfare.domain.streams.state import Sealed

_JSON, _ARROW = JSON.encode(), ARROW.encode()
_OWNED_MOST = 2_000_000
_BLOCK = 1_000
"""JSON records read at once: what they become on the way stays inside a core's cache."""
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
    """Segments by city in log order, dead letters, the last offset read, and up to `MOST_TRACED` recorded traces.

    sealed: that the partition ends among these records; what comes after it is dead letters.
    """

    segments: dict[str, list[Segment]] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    last_offset: int = -1
    traced: list[Traced] = field(default_factory=list)
    sealed: Sealed | None = None

    def add(self, city: str, segment: Segment) -> None:
        """The next segment of a city."""
        self.segments.setdefault(city, []).append(segment)


class Decoder:
    """Decodes one partition of one topic; remembers which identities are known to belong to it, and whether it is sealed."""

    def __init__(self, topic: str, partition: int, partitions: int, successor: str | None = None) -> None:
        self._topic = topic_of(topic)
        self._successor = successor
        self._partition = partition
        self._partitions = partitions
        self._owned: set[str] = set()

    def decode(self, records: Iterable[Any]) -> Decoded:
        """The segments of consecutive records (each with offset, key, value, headers)."""
        out = Decoded()
        block: list[Any] = []
        packed: list[tuple[Any, Any]] = []
        headers: Any = None
        kind, moves, traces = b"", b"", list[bytes]()
        refused: bytes | None = None
        for record in records:
            out.last_offset = record.offset
            if record.headers != headers:
                headers, kind, moves, refused, traces = record.headers, b"", b"", None, []
                for name, text in headers:
                    if name == "content-type":
                        kind = text
                    elif name == KIND_HEADER:
                        moves = text if text in (TICK, SEAL) else b""
                    elif name == REFUSED_HEADER:
                        refused = text
                    elif name == "traceparent" and text and text.endswith(_RECORDED):
                        traces.append(text)
            if self._successor is not None:
                if not moves:
                    self._too_late(record, kind, out)
                continue
            for trace in traces[: MOST_TRACED - len(out.traced)]:
                out.traced.append(Traced(record.offset, trace.decode("ascii", "replace"), record.timestamp or 0))
            if kind == _JSON and not moves:
                if packed:
                    self._packed(packed, out)
                    packed = []
                block.append(record)
                if len(block) == _BLOCK:
                    self._json(block, out)
                    block = []
                continue
            if block:
                self._json(block, out)
                block = []
            if kind == _ARROW:
                batch = self._unpacked(record, out)
                if batch is not None:
                    packed.append((record, batch))
                continue
            self._packed(packed, out)
            packed = []
            if kind == _JSON and moves == SEAL:
                self._seal(record, out)
            elif kind == _JSON:
                self._tick(record, out)
            elif refused is not None:
                self._refuse(record, refused.decode("utf-8", "replace"), out, "unpackable")
            else:
                self._refuse(record, f"content-type must be {JSON} or {ARROW}, got {bytes(kind or b'')[:80]!r}", out)
        self._packed(packed, out)
        self._json(block, out)
        out.segments = {city: joined(segments) for city, segments in out.segments.items()}
        return out

    def _refuse(
        self, record: Any, error: str, out: Decoded, reason: str = "unreadable", city: str = NO_CITY, rows: int = 1
    ) -> None:
        self._set_aside(record, reason, error, out, rows)
        out.add(city, Unreadable(record.offset, reason, rows))

    def _tick(self, record: Any, out: Decoded) -> None:
        try:
            for city, received_ms in json_events.tick(record.value or b"").received_at_ms.items():
                out.add(city, TickAt(record.offset, received_ms))
        except InvalidInput as error:
            # A tick is no row: it is set aside but counts as nothing.
            self._set_aside(record, "unreadable", str(error), out)

    def _seal(self, record: Any, out: Decoded) -> None:
        try:
            out.sealed = Sealed(record.offset, json_events.seal(record.value or b""))
            self._successor = out.sealed.seal.successor
        except InvalidInput as error:
            self._set_aside(record, "unreadable", str(error), out)

    def _too_late(self, record: Any, kind: bytes, out: Decoded) -> None:
        """A record after the seal: its writer did not know yet of the successor, to which it can be sent again."""
        cities = {_city_of(record.value or b""): 1}
        if kind == _ARROW:
            try:
                batch = arrow_events.unpack(self._topic, record.value or b"")
            except InvalidInput:
                cities = {NO_CITY: 1}
            else:
                cities = Counter(batch.column("city").to_pylist())
        self._set_aside(
            record, "sealed", f"the partition was sealed for {self._successor}, got a record after that", out
        )
        for city, rows in cities.items():
            out.add(city or NO_CITY, Unreadable(record.offset, "sealed", rows))

    @staticmethod
    def _set_aside(record: Any, reason: str, error: str, out: Decoded, rows: int = 0) -> None:
        headers, value = list(record.headers), record.value or b""
        out.dead.append(DeadLetter(record.offset, record.key, value, headers, reason, error, rows))

    def _unpacked(self, record: Any, out: Decoded) -> Any:
        """The rows of a packed record; None, and set aside, when they cannot be had."""
        try:
            return arrow_events.unpack(self._topic, record.value or b"")
        except InvalidInput as error:
            self._refuse(record, str(error), out)
            return None

    def _packed(self, packed: list[tuple[Any, Any]], out: Decoded) -> None:
        """A block of consecutive packed records: read as one where all is sound, else one by one."""
        if len(packed) > 1:
            batch, offsets = arrow_columns.block([(record.offset, rows) for record, rows in packed])
            read = arrow_columns.read(self._topic, batch, offsets, self._owned)
            if not read.unreadable and all(self._mine(arrow_columns.identities(p)).all() for _city, p in read.cities):
                for city, part in read.cities:
                    out.add(city, part)
                return
        for record, rows in packed:
            self._packed_record(record, rows, out)

    def _packed_record(self, record: Any, batch: Any, out: Decoded) -> None:
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

    def _mine(self, ids: Identities) -> npt.NDArray[np.bool_]:
        """Which rows belong to this partition."""
        owned = self._owned
        if owned.issuperset(ids.distinct):
            return np.ones(len(ids), bool)
        new = list(set(ids.distinct) - owned)
        here = (partitions_of(new, self._partitions) == self._partition).tolist()
        if len(owned) > _OWNED_MOST:
            owned.clear()
        owned.update(identity for identity, yes in zip(new, here, strict=True) if yes)
        if all(here):
            return np.ones(len(ids), bool)
        others = {identity for identity, yes in zip(new, here, strict=True) if not yes}
        return np.array([identity not in others for identity in ids], bool)

    def _json(self, records: list[Any], out: Decoded) -> None:
        """A block of consecutive JSON events."""
        if not records:
            return
        if self._topic == "driver-pings":
            quick = quick_pings(records, self._owned)
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
                if not self._mine(Identities.of([recorded.event.identity]))[0]:
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


def _city_of(value: bytes) -> str:
    """The city that a record names, where it can be read, so that a refused row is counted where it belongs."""
    try:
        city = orjson.loads(value)["city"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return NO_CITY
    return city if isinstance(city, str) and 0 < len(city) <= 64 else NO_CITY
