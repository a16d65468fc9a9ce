"""What one partition's log has come to: a pure function of its records up to an offset.

Records move the state of their city; log time, the largest `received_at` so far, closes panes. Nothing here reads a clock,
draws a number or depends on how the log was cut into batches, so any two consumers that read the same log hold the same
state and write the same bytes, and a snapshot with its offset can stand for everything before it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

from wayfare.domain.errors import InvalidInput
from wayfare.domain.streams import distinct, pane_bytes, sketch
from wayfare.domain.streams.cabs import Cabs
from wayfare.domain.streams.columns import Columns, Segment, TickAt, Unreadable
from wayfare.domain.streams.events import NO_CITY, Seal
from wayfare.domain.streams.generation import topic_of
from wayfare.domain.streams.observations import Observations
from wayfare.domain.streams.panes import (
    EXACT_CELLS_MAX,
    FLOWS,
    GAP_PANES,
    PANE_MS,
    SEEN,
    SEEN_PANES,
    WINDOW_PANES,
    PaneRegister,
)
from wayfare.domain.streams.requests import Requests
from wayfare.domain.streams.state_bytes import pack, unpack

Mine = Callable[[Sequence[str]], npt.NDArray[np.bool_]]
"""Which of some identities belong to a partition."""
_Members = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64]]


class _Subject(Protocol):
    """What a topic is about: cabs, requests or observations."""

    gauges: tuple[str, ...]
    ended: Counter[str]

    def apply(self, rows: Any, pane_start_ms: int) -> Counter[str]: ...

    def sweep(self, pane_end_ms: int) -> None: ...

    def members(self, gauge: str) -> _Members: ...

    def new_pane(self) -> None: ...

    def dump(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]: ...

    @classmethod
    def taken_over(cls, parts: Sequence[Any], mine: Mine) -> Self: ...


_SUBJECTS: dict[str, type[Cabs] | type[Requests] | type[Observations]] = {
    "driver-pings": Cabs,
    "ride-requests": Requests,
    "weather": Observations,
}


class Encoded(NamedTuple):
    """A closed register as the live window keeps it."""

    key: str
    pane: int
    data: bytes


class CityState:
    """One city's part of a partition."""

    def __init__(self, city: str, topic: str, partition: int) -> None:
        self.city, self.topic, self.partition = city, topic, partition
        self.subject: _Subject = _SUBJECTS[topic_of(topic)]()
        self.log_time_ms = -1
        self.applied = 0
        self.rejected: Counter[str] = Counter()
        self.window: deque[Encoded] = deque()
        self.changed = False
        self.sealed_offset: int | None = None

    def take(self, segment: Segment) -> list[PaneRegister]:
        """Move the state by one segment of the log; the registers of panes that it closed, oldest first."""
        self.changed = True
        if isinstance(segment, Unreadable):
            self.rejected[segment.reason] += segment.rows
            return []
        if isinstance(segment, TickAt):
            return self._advance(segment.received_ms, segment.offset)
        if self.city == NO_CITY:
            self.rejected["out_of_city"] += len(segment.offset)
            return []
        return self._rows(segment)

    def _rows(self, rows: Columns) -> list[PaneRegister]:
        times = np.maximum(np.maximum.accumulate(rows.received_ms), self.log_time_ms)
        panes = times // PANE_MS
        starts = np.flatnonzero(np.concatenate([[True], panes[1:] != panes[:-1]])).tolist()
        closed = []
        for start, stop in zip(starts, [*starts[1:], len(panes)], strict=True):
            closed += self._advance(int(times[start]), int(rows.offset[start]))
            part = rows if stop - start == len(panes) else rows.part(start, stop)
            outcome = self.subject.apply(part, int(panes[start]) * PANE_MS)
            self.applied += outcome.pop("applied", 0)
            self.rejected.update({reason: count for reason, count in outcome.items() if count})
            self.log_time_ms = int(times[stop - 1])
        return closed

    def _advance(self, received_ms: int, offset: int) -> list[PaneRegister]:
        """Log time moves, never back; closes the panes whose end it passes."""
        if received_ms <= self.log_time_ms:
            return []
        before, now = self.log_time_ms // PANE_MS, received_ms // PANE_MS
        closed: list[PaneRegister] = []
        if self.log_time_ms >= 0 and self.subject.gauges and now > before:
            panes = [before, *range(max(before + 1, now - GAP_PANES + 1), now)]
            for pane, after in zip(panes, [*panes[1:], now], strict=True):
                # Log time when the pane closed is its end: what closed it came in a later pane.
                end = (pane + 1) * PANE_MS
                self.subject.sweep(end)
                closed += self._close(pane, offset, end)
                if isinstance(self.subject, Cabs) and pane // SEEN_PANES != after // SEEN_PANES:
                    last = (pane // SEEN_PANES + 1) * SEEN_PANES - 1
                    closed.append(self._of_members(SEEN, self.subject.seen(), last, offset, end, closed=True))
                    self._keep(closed[-1])
                    self.subject.new_interval()
        self.log_time_ms = received_ms
        return closed

    def _close(self, pane: int, offset: int, end_ms: int) -> list[PaneRegister]:
        registers = [self._register(gauge, pane, offset, end_ms, closed=True) for gauge in self.subject.gauges]
        for register in registers:
            self._keep(register)
        while self.window and self.window[0].pane < pane - WINDOW_PANES:
            self.window.popleft()
        self.subject.new_pane()
        return registers

    def seal(self, received_ms: int, offset: int) -> list[PaneRegister]:
        """The partition ends here: its flows close with what the open pane has so far, its levels go on in the successor.

        So over both generations flows add up, and in each closed pane a level is counted in one of them alone.
        """
        if self.log_time_ms < 0:
            return []
        closed = self._advance(received_ms, offset)
        pane = self.log_time_ms // PANE_MS
        for gauge in self.subject.gauges:
            if gauge in FLOWS:
                closed.append(self._register(gauge, pane, offset, self.log_time_ms, closed=True))
                self._keep(closed[-1])
        self.sealed_offset, self.changed = offset, True
        return closed

    def _keep(self, register: PaneRegister) -> None:
        """Remember a closed register as the live window has it, for a Redis that loses its own."""
        self.window.append(Encoded(register.key, register.pane, pane_bytes.encode(pane_bytes.exact(register))))

    @property
    def open_panes(self) -> int:
        """How many registers are open: one of each gauge, from the first moment of log time on."""
        return len(self.subject.gauges) if self.log_time_ms >= 0 and self.sealed_offset is None else 0

    @property
    def ended(self) -> Counter[str]:
        """What stopped counting by a rule rather than by an event of its own, by reason, since the first offset."""
        return self.subject.ended

    def open_registers(self, offset: int) -> list[PaneRegister]:
        """The open pane's registers as of `offset`, the last record of the partition consumed; once sealed, its levels then."""
        if self.log_time_ms < 0:
            return []
        gauges = self.subject.gauges
        if self.sealed_offset is not None:
            offset, gauges = self.sealed_offset, tuple(gauge for gauge in gauges if gauge not in FLOWS)
        pane = self.log_time_ms // PANE_MS
        return [self._register(gauge, pane, offset, self.log_time_ms, closed=False) for gauge in gauges]

    def _register(self, gauge: str, pane: int, offset: int, log_time_ms: int, closed: bool) -> PaneRegister:
        return self._of_members(gauge, self.subject.members(gauge), pane, offset, log_time_ms, closed)

    def _of_members(
        self, gauge: str, members: _Members, pane: int, offset: int, log_time_ms: int, closed: bool
    ) -> PaneRegister:
        """A register; a closed one has all parts, an open one its sketch only where exact counts are too many."""
        cells, counts = sketch.counted(members[0])
        table = registers = None
        if closed or len(cells) > EXACT_CELLS_MAX:
            table = sketch.empty()
            sketch.add(table, cells, counts)
        if closed:
            registers = distinct.empty()
            distinct.add(registers, members[1])
        if len(cells) > EXACT_CELLS_MAX:
            cells, counts = cells[:0], counts[:0]
        return PaneRegister(
            self.city, gauge, self.topic, self.partition, pane, offset, log_time_ms, closed, len(members[0]),
            cells, counts, table, registers,
        )  # fmt: skip

    def dump(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """This city as JSON and arrays."""
        meta, arrays = self.subject.dump()
        held = [(encoded.key, encoded.pane, len(encoded.data)) for encoded in self.window]
        window = np.frombuffer(b"".join(encoded.data for encoded in self.window), np.uint8)
        return {
            "log_time_ms": self.log_time_ms,
            "applied": self.applied,
            "rejected": dict(sorted(self.rejected.items())),
            "window": held,
            "subject": meta,
            "sealed_offset": self.sealed_offset,
        }, arrays | {"window": window}

    def restore(self, meta: Mapping[str, Any], arrays: dict[str, npt.NDArray[Any]]) -> None:
        """Take the state that `dump` gave."""
        self.log_time_ms, self.applied = meta["log_time_ms"], meta["applied"]
        self.rejected = Counter(meta["rejected"])
        self.sealed_offset = meta.get("sealed_offset")
        self.subject = _SUBJECTS[topic_of(self.topic)].restore(meta["subject"], arrays)
        data, at = arrays["window"].tobytes(), 0
        for key, pane, size in meta["window"]:
            self.window.append(Encoded(key, pane, data[at : at + size]))
            at += size
        self.changed = True


class Sealed(NamedTuple):
    """Where a partition was sealed."""

    offset: int
    seal: Seal


class PartitionState:
    """What one partition of a topic has come to, by city. `covers_offset` is the last record that it includes."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic, self.partition = topic, partition
        self.covers_offset = -1
        self.successor: str | None = None
        self.cities: dict[str, CityState] = {}

    def take(
        self, segments: Mapping[str, Iterable[Segment]], last_offset: int, sealed: Sealed | None = None
    ) -> list[PaneRegister]:
        """Move the state by the next records, by city in log order; the registers of panes that they closed.

        sealed: that the partition ended among them; segments after it are of rows that were refused.
        """
        if last_offset <= self.covers_offset:
            raise InvalidInput(f"records are taken once, after offset {self.covers_offset}, got {last_offset}")
        closed = []
        for city, parts in segments.items():
            state = self.cities.get(city)
            if state is None:
                state = self.cities[city] = CityState(city, self.topic, self.partition)
            for part in parts:
                closed += state.take(part)
        if sealed is not None and self.successor is None:
            self.successor = sealed.seal.successor
            for city, state in self.cities.items():
                closed += state.seal(sealed.seal.received_at_ms.get(city, state.log_time_ms), sealed.offset)
        self.covers_offset = last_offset
        return closed

    def snapshot(self) -> bytes:
        """Everything, as bytes."""
        meta: dict[str, Any] = {
            "topic": self.topic,
            "partition": self.partition,
            "covers_offset": self.covers_offset,
            "successor": self.successor,
        }
        arrays: dict[str, npt.NDArray[Any]] = {}
        meta["cities"] = {}
        for number, (city, state) in enumerate(sorted(self.cities.items())):
            meta["cities"][city], own = state.dump()
            arrays |= {f"{number}.{name}": array for name, array in own.items()}
        return pack(meta, arrays)

    @classmethod
    def restore(cls, data: bytes) -> PartitionState:
        """The state that `snapshot` gave; InvalidInput when the bytes are not one."""
        meta, arrays = unpack(data)
        state = cls(meta["topic"], meta["partition"])
        state.covers_offset, state.successor = meta["covers_offset"], meta.get("successor")
        for number, (city, of_city) in enumerate(meta["cities"].items()):
            prefix = f"{number}."
            own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            state.cities[city] = CityState(city, state.topic, state.partition)
            state.cities[city].restore(of_city, own)
        return state


def newest_weather(state: CityState) -> dict[str, dict[str, float]]:
    """The newest observation of each quadkey; empty for another topic."""
    return state.subject.newest if isinstance(state.subject, Observations) else {}


def located_cabs(state: CityState) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Latitude and longitude of each cab available; empty for another topic."""
    return state.subject.located() if isinstance(state.subject, Cabs) else (np.zeros(0), np.zeros(0))


def gauges_of(topic: str) -> Sequence[str]:
    """The gauges that a topic's partitions give."""
    return _SUBJECTS[topic_of(topic)].gauges
