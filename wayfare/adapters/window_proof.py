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

from wayfare.adapters.kafka_consumer import read_partitions
from wayfare.adapters.kafka_decode import Decoder
from wayfare.adapters.redis_window import PartitionStatus, RedisWindow, ingest_status
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.panes import GAUGE_TOPIC, PANE_MS, WINDOW_PANES
from wayfare.domain.streams.state import PartitionState, gauges_of
from wayfare.inventory import topic as of_inventory

AT_ONCE = 5_000
"""Records that are decoded together; bounds memory."""


@dataclass(slots=True)
class Proof:
    """registers: how many were compared. records: how many of the log were read. differences: what is wrong, by key."""

    registers: int = 0
    records: int = 0
    differences: dict[str, str] = field(default_factory=dict)


class _Partition:
    """One partition, computed again. stops: offsets of which the open registers are wanted."""

    def __init__(self, topic: str, partition: int, city: str, stops: Iterable[int], oldest_pane: int) -> None:
        self._state = PartitionState(topic, partition)
        self._decoder = Decoder(topic, partition, of_inventory(topic).partitions)
        self._gauges, self._city, self._oldest = gauges_of(topic), city, oldest_pane
        self._stops = sorted(set(stops))
        self._buffer: list[Any] = []
        self.found: dict[tuple[str, int], bytes] = {}

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
        state = self._state.cities.get(self._city)
        if state is not None and self._state.covers_offset == stop:
            for register in state.open_registers(stop):
                self.found[register.key, stop] = pane_bytes.encode(register)

    def _flush(self) -> None:
        if not self._buffer:
            return
        decoded = self._decoder.decode(self._buffer)
        self._buffer = []
        for register in self._state.take(decoded.segments, decoded.last_offset):
            if register.city == self._city and register.gauge in self._gauges and register.pane >= self._oldest:
                self.found[register.key, register.covers_offset] = pane_bytes.encode(pane_bytes.exact(register))


def prove(
    options: Mapping[str, object], client: redis.Redis, city: str, say: Callable[[str, str], None] = lambda *_: None
) -> Proof:
    """Compare a city's live window with the log. WindowUnavailable or LogUnavailable when one of them cannot be read."""
    topics = sorted(set(GAUGE_TOPIC.values()))
    # First how far ingest is, then what it wrote: what a status covers must be there.
    statuses = [status for status in ingest_status(client, city) if status.topic in topics]
    proof = Proof()
    if not statuses:
        proof.differences[city] = "nothing is in Redis: ingest has written nothing of this city, or Redis has lost it"
        return proof
    newest = max(status.log_time_ms for status in statuses) // PANE_MS
    held = RedisWindow(client).read_bytes(city, newest)
    for topic in topics:
        of_topic = {status.partition: status for status in statuses if status.topic == topic}
        _prove_topic(options, topic, of_topic, held, newest - WINDOW_PANES, city, proof, say)
    return proof


def _prove_topic(
    options: Mapping[str, object],
    topic: str,
    statuses: Mapping[int, PartitionStatus],
    held: Mapping[str, bytes],
    oldest_pane: int,
    city: str,
    proof: Proof,
    say: Callable[[str, str], None],
) -> None:
    mine: dict[int, dict[str, bytes]] = defaultdict(dict)
    for key, data in held.items():
        _city, _gauge, of, number, _pane = key.split("|")
        if of == topic:
            mine[int(number)][key] = data
    computed = {}
    for at in mine.keys() | statuses.keys():
        stops = [pane_bytes.offset_of(data) for data in mine[at].values()]
        if at in statuses:
            stops.append(statuses[at].covers_offset)
        computed[at] = _Partition(topic, at, city, stops, oldest_pane)
    for record in read_partitions(options, topic):
        proof.records += 1
        if proof.records % 100_000 == 0:
            say(topic, f"{proof.records} records")
        if record.partition in computed:
            computed[record.partition].take(record)
    for at, partition in sorted(computed.items()):
        partition.end()
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
