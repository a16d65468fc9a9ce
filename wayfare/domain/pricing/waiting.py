"""Quotes that wait for their end, in the order of the log, partition by partition."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

from wayfare.domain.pricing.settlement import Unsettled


@dataclass(slots=True)
class Held:
    """A quote of the log, or None for a record that holds none; settled once its effect is certain."""

    offset: int
    quote: Unsettled | None
    settled: bool = False


@dataclass
class Waiting:
    """grace_ms: how long after its end a quote is left alone, so that a booking under way is not raced.

    Quotes of one partition live equally long, so its first is always the first to be due; should the life of quotes be
    shortened, those behind a longer-lived one are settled a little later.
    """

    grace_ms: int
    _held: dict[Hashable, deque[Held]] = field(default_factory=dict)

    def add(self, partition: Hashable, offset: int, quote: Unsettled | None) -> None:
        """The next record of a partition."""
        self._held.setdefault(partition, deque()).append(Held(offset, quote, settled=quote is None))

    def due(self, now_ms: int, most: int) -> list[Held]:
        """Quotes whose end is past, unsettled, at most `most` of each partition."""
        found = []
        for queue in self._held.values():
            taken = 0
            for held in queue:
                if held.quote is not None and now_ms <= held.quote.expires_at_ms + self.grace_ms:
                    break
                if not held.settled:
                    found.append(held)
                    taken += 1
                    if taken == most:
                        break
        return found

    def finished(self) -> dict[Hashable, int]:
        """Forget the settled head of each partition; by partition, the offset from which to read on."""
        positions = {}
        for partition, queue in self._held.items():
            while queue and queue[0].settled:
                positions[partition] = queue.popleft().offset + 1
        return positions

    def clear(self) -> None:
        """Forget everything, when partitions are shared out anew: what is not settled is read again by its owner."""
        self._held.clear()

    def size(self, partition: Hashable) -> int:
        """Records held of a partition."""
        return len(self._held.get(partition, ()))
