"""Pings decoded, deduplicated and counted: our path against a per-message loop that counts the same thing.

Both read the same record batches from memory, as a broker sends them, so the broker's speed is in neither. The peer is what
one writes first: one JSON message a ping, kafka-python's own record reader, `json.loads`, `datetime.fromisoformat`, a dict
of drivers by last fix, counts by cell. Its counts are compared with ours before anything is timed. Seconds are of this
process's CPU, so that neighbours on the machine weigh less.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from kafka.record import MemoryRecords, MemoryRecordsBuilder

from bench.tally import Tally
from wayfare.adapters import arrow_events, json_events
from wayfare.adapters.kafka_batches import records_of
from wayfare.adapters.kafka_client import ARROW, JSON
from wayfare.adapters.kafka_decode import Decoder
from wayfare.adapters.kafka_unpacking import BoundedBatch
from wayfare.domain.streams.events import DriverPing
from wayfare.domain.streams.partition import partition_of
from wayfare.domain.streams.state import PartitionState
from wayfare.runtime import memory

_T0 = 30_000_000 * 60_000


def pings_of(drivers: int, rounds: int) -> list[DriverPing]:
    draw = np.random.default_rng(1)
    ids = [i for i in (f"driver-{n}" for n in range(drivers * 4)) if partition_of(i, 4) == 0]
    lat, lon = draw.uniform(37.7, 37.83, len(ids)), draw.uniform(-122.52, -122.36, len(ids))
    pings = []
    # Every four seconds, as cabs do: what a driver's first ping costs weighs as in a minute and a half of service.
    for turn in range(rounds):
        lat += draw.normal(0, 2e-4, len(ids))
        pings += [
            DriverPing(d, _T0 + turn * 4_000, float(a), float(o), "available")
            for d, a, o in zip(ids, lat, lon, strict=True)
        ]
    return pings


def _batches(values: list[tuple[bytes, bytes, str]]) -> list[bytes]:
    """Record batches as a broker would send them: about 64 KiB each, not compressed."""
    out, builder = [], None
    for offset, (key, value, kind) in enumerate(values):
        headers = [("content-type", kind.encode())]
        if builder is None or builder.append(timestamp=0, key=key, value=value, headers=headers) is None:
            if builder is not None:
                builder.close()
                out.append(bytes(builder.buffer()))
            builder = MemoryRecordsBuilder(magic=2, compression_type=0, batch_size=65_536, offset=offset)
            builder.append(timestamp=0, key=key, value=value, headers=headers)
    if builder is not None:
        builder.close()
        out.append(bytes(builder.buffer()))
    return out


def _polls(batches: list[bytes]) -> Iterator[list[Any]]:
    """Records as ingest polls them: at most 5,000, and at most 8 MiB, at once."""
    records: list[Any] = []
    size = 0
    for data in batches:
        size += len(data)
        records += records_of(BoundedBatch(data))
        if len(records) >= 5_000 or size >= 8 * 2**20:
            yield records
            records, size = [], 0
    if records:
        yield records


def _ours(batches: list[bytes]) -> dict[int, int]:
    """Records read, decoded and applied as ingest does, then the open pane's counts."""
    decoder, state = Decoder("driver-pings", 0, 4), PartitionState("driver-pings", 0)
    for records in _polls(batches):
        decoded = decoder.decode(records)
        state.take(decoded.segments, decoded.last_offset)
    register = state.cities["sf"].open_registers(state.covers_offset)[0]
    return dict(zip(register.cells.tolist(), register.counts.tolist(), strict=True))


def _peer(batches: list[bytes]) -> dict[int, int]:
    """A loop over messages: the same latest fix of each driver, the same counts by cell."""
    tally = Tally()
    for data in batches:
        for record in MemoryRecords(data).next_batch():
            tally.take(json.loads(record.value))
    return tally.counts()


def run(quick: bool) -> dict[str, Any]:
    """Ratios of rows per second, packed path over peer, in paired rounds; the JSON path's in the figures."""
    pings = pings_of(2_000 if quick else 5_000, 8 if quick else 24)
    loose = _batches([(p.driver_id.encode(), json_events.record_bytes(p, "sf", p.t_ms), JSON) for p in pings])
    packed = _batches(
        [
            (b"", arrow_events.pack("driver-pings", "sf", pings[at : at + 1_000], pings[at].t_ms), ARROW)
            for at in range(0, len(pings), 1_000)
        ]
    )
    if not _ours(packed) == _ours(loose) == _peer(loose):
        raise AssertionError("the three paths must count the same cabs in the same cells, got different counts")
    # As a worker does when it has started.
    memory.settle()
    ratios, json_ratios, rates = [], [], {"packed": [0.0], "json": [0.0], "peer": [0.0]}
    for _ in range(3 if quick else 7):
        seconds = {}
        for name, call, data in (("packed", _ours, packed), ("json", _ours, loose), ("peer", _peer, loose)):
            start = time.process_time()
            call(data)
            seconds[name] = time.process_time() - start
            rates[name].append(len(pings) / seconds[name])
        ratios.append(seconds["peer"] / seconds["packed"])
        json_ratios.append(seconds["peer"] / seconds["json"])
    return {
        "name": "ingest_decode",
        "what": "pings decoded, deduplicated and counted, one core (packed 1,000 to a record)",
        "peer": "kafka-python records + json.loads + dict",
        "ratios": ratios,
        "aim": "at least 20 packed, 2 JSON",
        "figures": {
            "pings": len(pings),
            "packed_bytes_per_ping": sum(map(len, packed)) / len(pings),
            "json_bytes_per_ping": sum(map(len, loose)) / len(pings),
            "json_path_over_peer_median": float(np.median(json_ratios)),
            "json_path_over_peer_least": min(json_ratios),
            "json_path_over_peer_most": max(json_ratios),
            **{f"{name}_pings_per_s": float(np.median(values[1:])) for name, values in rates.items()},
        },
    }
