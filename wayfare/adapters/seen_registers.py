"""Registers of cabs seen, from Redis while it keeps them and from the topic `panes` after that."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from wayfare.adapters.kafka_consumer import read_partitions
from wayfare.adapters.redis_window import RedisWindow
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.panes import SEEN, SEEN_PANES, PaneRegister
from wayfare.domain.streams.seen import Seen


def seen_registers(
    window: RedisWindow, options: Mapping[str, object], city: str, intervals: Sequence[int]
) -> dict[int, Seen]:
    """Each interval of which something is kept. WindowUnavailable or LogUnavailable when what is needed cannot be read."""
    found = {interval: window.read_seen(city, interval) for interval in intervals}
    missing = [interval for interval, registers in found.items() if not registers]
    if missing:
        found |= _from_log(options, city, missing)
    return {interval: Seen.of(registers) for interval, registers in found.items() if registers}


def _from_log(options: Mapping[str, object], city: str, intervals: Collection[int]) -> dict[int, list[PaneRegister]]:
    panes = {str((interval + 1) * SEEN_PANES - 1): interval for interval in intervals}
    newest: dict[str, bytes] = {}
    for record in read_partitions(options, "panes"):
        key = (record.key or b"").decode("utf-8", "replace")
        if not record.value or not key.startswith(f"{city}|{SEEN}|") or key.rsplit("|", 1)[1] not in panes:
            continue
        if key not in newest or pane_bytes.offset_of(record.value) > pane_bytes.offset_of(newest[key]):
            newest[key] = record.value
    found: dict[int, list[PaneRegister]] = {interval: [] for interval in intervals}
    for key, data in sorted(newest.items()):
        found[panes[key.rsplit("|", 1)[1]]].append(pane_bytes.decode(key, data))
    return found
