"""In-memory twin of the window store: the same bytes and the same rule of who wins."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence

from wayfare.domain.errors import WindowUnavailable
from wayfare.domain.streams import pane_bytes
from wayfare.domain.streams.panes import SEEN, SEEN_PANES, WINDOW_PANES, PaneRegister


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

    def read(self, city: str, newest_pane: int, whole: Collection[int] = ()) -> list[PaneRegister]:
        """All registers of the panes `newest_pane - WINDOW_PANES` to `newest_pane + 1` but those whole, exact parts."""
        panes = set(range(newest_pane - WINDOW_PANES, newest_pane + 2)) - set(whole)
        return [r for r in self._of(city) if r.pane in panes and r.gauge != SEEN]

    def read_seen(self, city: str, interval: int) -> list[PaneRegister]:
        """The whole registers of cabs seen of one aligned interval, one for each partition that has closed it."""
        return [r for r in self._of(city) if r.gauge == SEEN and r.pane // SEEN_PANES == interval]

    def _of(self, city: str) -> list[PaneRegister]:
        self._check()
        with self._lock:
            held = list(self._registers.items())
        return [pane_bytes.decode(key, data) for key, data in held if key.startswith(f"{city}|")]

    def _check(self) -> None:
        if self.unavailable:
            raise WindowUnavailable("the live window is out of reach, as this test asked")
