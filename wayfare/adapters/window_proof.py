"""The live window proven: what Redis holds beside what its log gives, register by register, bit by bit.

A register is a function of its partition's log up to the offset that it covers. So each is computed again as of just that
offset, and events may come and be counted meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import redis

from wayfare.adapters import kafka_states
from wayfare.adapters.kafka_consumer import read_partitions
from wayfare.adapters.kafka_decode import Decoder
from wayfare.adapters.redis_window import PartitionStatus, RedisWindow, ingest_status
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.generation import topic_of
from wayfare.domain.streams.panes import GAUGE_TOPIC, PANE_MS, SEEN, SEEN_PANES, WINDOW_PANES
from wayfare.domain.streams.state import PartitionState, gauges_of

AT_ONCE = 5_000
"""Records that are decoded together; bounds memory."""


@dataclass(slots=True)
class Proof:
    """registers: how many were compared. records: how many of the log were read. differences: what is wrong, by key."""

    registers: int = 0
    records: int = 0
    differences: dict[str, str] = field(default_factory=dict)


class _Partition:
    """One partition, computed again, and further each time that it is asked."""

    def __init__(self, state: PartitionState, partitions: int, city: str) -> None:
        topic = state.topic
        self._state = state
        self._decoder = Decoder(topic, state.partition, partitions)
        self._gauges, self._city, self._oldest = {*gauges_of(topic), SEEN}, city, -1
        self._stops: list[int] = []
        self._stopped: set[int] = set()
        self._buffer: list[Any] = []
        self.found: dict[tuple[str, int], bytes] = {}

    @property
    def next_offset(self) -> int:
        """The first record that it has not taken."""
        return self._state.covers_offset + 1

    def can_go_on(self, stops: Iterable[int], oldest_pane: int) -> bool:
        """False when it is past an offset or a pane of which it was never asked: another must begin anew."""
        known = self._stopped | {offset for _key, offset in self.found}
        asked = all(stop > self._state.covers_offset or stop in known for stop in stops)
        return asked and oldest_pane >= self._oldest

    def expect(self, stops: Iterable[int], oldest_pane: int) -> None:
        """The offsets of which the open registers are wanted next, and the oldest pane of which anything is."""
        self._stops = sorted({stop for stop in stops if stop > self._state.covers_offset})
        self._oldest = oldest_pane
        self.found = {at: data for at, data in self.found.items() if _pane(at[0]) >= oldest_pane}

    def take(self, record: Any) -> None:
        """The next record of the log."""
        while self._stops and record.offset > self._stops[0]:
            self._stop()
        if self._stops:
            self._buffer.append(record)
            if len(self._buffer) >= AT_ONCE:
                self._flush()

    def end(self) -> None:
        """The log has ended."""
        while self._stops:
            self._stop()

    def _stop(self) -> None:
        """Keep the open registers as of a stop; where the log ends before it, its last record is another offset."""
        self._flush()
        stop = self._stops.pop(0)
        self._stopped.add(stop)
        state = self._state.cities.get(self._city)
        if state is not None and self._state.covers_offset == stop:
            # Those of a sealed partition stay where it ended, which may be out of the window.
            for register in (one for one in state.open_registers(stop) if one.pane >= self._oldest):
                self.found[register.key, register.covers_offset] = pane_bytes.encode(register)

    def _flush(self) -> None:
        if not self._buffer:
            return
        decoded = self._decoder.decode(self._buffer)
        self._buffer = []
        for register in self._state.take(decoded.segments, decoded.last_offset, decoded.sealed):
            if register.city == self._city and register.gauge in self._gauges and register.pane >= self._oldest:
                self.found[register.key, register.covers_offset] = pane_bytes.encode(pane_bytes.exact(register))


class WindowProof:
    """Compares a city's live window with the log, as often as asked; each time only what is new of the log is read."""

    def __init__(self, options: Mapping[str, object], client: redis.Redis, city: str) -> None:
        self._options, self._client, self._city = options, client, city
        self._computed: dict[tuple[str, int], _Partition] = {}
        self._before: dict[str, list[bytes]] = {}

    def prove(self, say: Callable[[str, str], None] = lambda *_: None) -> Proof:
        """WindowUnavailable or LogUnavailable when one of them cannot be read; then it may be asked again."""
        # First how far ingest is, then what it wrote: what a status covers must be there.
        statuses = [
            status
            for status in ingest_status(self._client, self._city)
            if topic_of(status.topic) in GAUGE_TOPIC.values()
        ]
        proof = Proof()
        if not statuses:
            proof.differences[self._city] = (
                "nothing is in Redis: ingest has written nothing of this city, or Redis has lost it"
            )
            return proof
        newest = max(status.log_time_ms for status in statuses) // PANE_MS
        oldest = newest - WINDOW_PANES
        window = RedisWindow(self._client)
        held = window.read_bytes(self._city, newest)
        seen = window.read_seen_bytes(self._city, range(oldest // SEEN_PANES, newest // SEEN_PANES))
        # Of an interval that ended before the window only the rest that has not expired is there.
        held |= {key: data for key, data in seen.items() if _pane(key) >= oldest}
        for topic in sorted({status.topic for status in statuses} | {key.split("|")[2] for key in held}):
            of_topic = {status.partition: status for status in statuses if status.topic == topic}
            self._prove_topic(topic, of_topic, held, oldest, proof, say)
        return proof

    def _prove_topic(
        self,
        topic: str,
        statuses: Mapping[int, PartitionStatus],
        held: Mapping[str, bytes],
        oldest_pane: int,
        proof: Proof,
        say: Callable[[str, str], None],
    ) -> None:
        mine: dict[int, dict[str, bytes]] = defaultdict(dict)
        for key, data in held.items():
            _city, _gauge, of, number, _at = key.split("|")
            if of == topic:
                mine[int(number)][key] = data
        computed = {}
        for at in mine.keys() | statuses.keys():
            stops = [pane_bytes.offset_of(data) for data in mine[at].values()]
            if at in statuses:
                stops.append(statuses[at].covers_offset)
            computed[at] = self._partition(topic, at, stops, oldest_pane)
            computed[at].expect(stops, oldest_pane)
        self._read(topic, computed, proof, say)
        for at, partition in sorted(computed.items()):
            for key, data in mine[at].items():
                proof.registers += 1
                offset = pane_bytes.offset_of(data)
                wanted = partition.found.get((key, offset))
                if wanted is None:
                    proof.differences[key] = f"covers offset {offset}, of which the log gives no such register"
                elif wanted != data:
                    proof.differences[key] = f"is not what the log gives at offset {offset}"
            covered = statuses[at].covers_offset if at in statuses else -1
            for key, offset in partition.found:
                if offset <= covered and key not in held:
                    proof.differences[key] = f"is not in Redis, though ingest is past its offset {offset}"
        say(topic, "ok" if not proof.differences else f"{len(proof.differences)} differences")

    def _partition(self, topic: str, at: int, stops: Iterable[int], oldest_pane: int) -> _Partition:
        known = self._computed.get((topic, at))
        if known is None or not known.can_go_on(stops, oldest_pane):
            partitions = kafka_states.partitions_of(topic)
            known = self._computed[topic, at] = _Partition(self._begun(topic, at), partitions, self._city)
        return known

    def _begun(self, topic: str, at: int) -> PartitionState:
        """A partition before its first record; what a newer generation took over is computed from the older logs, once."""
        if topic not in self._before:
            self._before[topic] = [state.snapshot() for state in kafka_states.before_first(self._options, topic)]
        return PartitionState.restore(self._before[topic][at])

    def _read(
        self, topic: str, computed: Mapping[int, _Partition], proof: Proof, say: Callable[[str, str], None]
    ) -> None:
        try:
            first = {at: partition.next_offset for at, partition in computed.items()}
            for record in read_partitions(self._options, topic, first=first):
                proof.records += 1
                if proof.records % 100_000 == 0:
                    say(topic, f"{proof.records} records")
                if record.partition in computed:
                    computed[record.partition].take(record)
        except BaseException:
            # What was read of the log is not known to be whole.
            for at in computed:
                del self._computed[topic, at]
            raise
        for partition in computed.values():
            partition.end()


def prove(
    options: Mapping[str, object], client: redis.Redis, city: str, say: Callable[[str, str], None] = lambda *_: None
) -> Proof:
    """Compare a city's live window with the log once. WindowUnavailable or LogUnavailable when one cannot be read."""
    return WindowProof(options, client, city).prove(say)


def _pane(key: str) -> int:
    return int(key.rpartition("|")[2])
