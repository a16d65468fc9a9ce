"""Snapshots of ingest's state in the compacted topic `window-state`.

A snapshot is cut into chunks below every broker's default limit. Two slots take turns, so that a writer that dies between
two chunks, or compaction that removes the older chunks while newer ones are written, never destroys the last whole
snapshot. A reader takes the whole one with the highest offset.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from wayfare.adapters.kafka_client import Headers, Producer
from wayfare.adapters.kafka_consumer import read_partitions

TOPIC = "window-state"
CONTENT_TYPE = "application/vnd.wayfare.snapshot"
_CHUNK_BYTES = 900_000
_HEAD = struct.Struct(">qHH")
"""Offset covered, number of this chunk, number of chunks."""


class KafkaSnapshots:
    """Saves with an acknowledged write, loads by reading the topic to its end."""

    def __init__(self, options: Mapping[str, object], producer: Producer) -> None:
        self._options = dict(options)
        self._producer = producer
        self._slots: dict[tuple[str, int], int] = {}

    def save(self, topic: str, partition: int, covers_offset: int, data: bytes) -> None:
        """Return once the log has the whole snapshot; LogUnavailable otherwise."""
        slot = 1 - self._slots.get((topic, partition), 1)
        chunks = [data[at : at + _CHUNK_BYTES] for at in range(0, len(data), _CHUNK_BYTES)] or [b""]
        headers: Headers = [("content-type", CONTENT_TYPE.encode())]
        futures = []
        for number, chunk in enumerate(chunks):
            key = f"{topic}|{partition}|{slot}|{number}".encode()
            value = _HEAD.pack(covers_offset, number, len(chunks)) + chunk
            futures.append(self._producer.send(TOPIC, value, key, headers, 0))
        self._producer.wait(futures)
        self._slots[topic, partition] = slot

    def load(self) -> dict[tuple[str, int], bytes]:
        """The newest whole snapshot of each (topic, partition)."""
        newest: dict[str, bytes] = {}
        for record in read_partitions(self._options, TOPIC):
            if record.key is not None and record.value:
                newest[record.key.decode()] = record.value
        # (topic, partition, offset, slot, chunks) -> chunk by number
        parts: dict[tuple[str, int, int, int, int], dict[int, bytes]] = {}
        for key, value in newest.items():
            name, number, slot, _chunk = key.rsplit("|", 3)
            offset, chunk, count = _HEAD.unpack_from(value)
            parts.setdefault((name, int(number), offset, int(slot), count), {})[chunk] = value[_HEAD.size :]
        best: dict[tuple[str, int], tuple[int, int, bytes]] = {}
        for (name, partition, offset, in_slot, count), chunks in parts.items():
            if len(chunks) == count and offset > best.get((name, partition), (-1, 0, b""))[0]:
                best[name, partition] = (offset, in_slot, b"".join(chunks[i] for i in range(count)))
        self._slots |= {at: in_slot for at, (_offset, in_slot, _data) in best.items()}
        return {at: data for at, (_offset, _slot, data) in best.items()}
