"""In-memory twin of the window store: the same bytes and the same rule of who wins."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from wayfare.domain.errors import WindowUnavailable
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.panes import WINDOW_PANES, PaneRegister


class MemoryWindow:
    """`WindowStore` in memory. Set `unavailable` to act as a store out of reach."""

    def __init__(self) -> None:
        self._registers: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.unavailable = False

    def put(self, registers: Sequence[PaneRegister]) -> int:
        """Store each register unless one with the same or a higher offset is there; returns how many were stored."""
        self._check()
        stored = 0
        with self._lock:
            for register in registers:
                before = self._registers.get(register.key)
                if before is None or pane_bytes.offset_of(before) < register.covers_offset:
                    self._registers[register.key] = pane_bytes.encode(pane_bytes.exact(register))
                    stored += 1
        return stored

    def read(self, city: str, newest_pane: int) -> list[PaneRegister]:
        """All registers of the panes `newest_pane - WINDOW_PANES` to `newest_pane + 1`, exact parts."""
        self._check()
        with self._lock:
            held = list(self._registers.items())
        registers = [pane_bytes.decode(key, data) for key, data in held if key.startswith(f"{city}|")]
        return [r for r in registers if newest_pane - WINDOW_PANES <= r.pane <= newest_pane + 1]

    def _check(self) -> None:
        if self.unavailable:
            raise WindowUnavailable("the live window is out of reach, as this test asked")
