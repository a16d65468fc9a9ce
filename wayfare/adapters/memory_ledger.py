"""The booking ledger in memory: the twin of Cassandra's, for tests and for runs inside one process."""

from __future__ import annotations

import threading

from wayfare.domain.errors import LedgerUnavailable
from wayfare.domain.pricing.ledger import Intent, LedgerRow


class MemoryLedger:
    """`Ledger` in a dictionary. Set `unavailable` to act as a ledger out of reach."""

    def __init__(self) -> None:
        self.rows: dict[str, LedgerRow] = {}
        self.announced: dict[tuple[int, str], Intent] = {}
        self.unavailable = False
        self._lock = threading.Lock()

    def announce(self, intent: Intent, timeout_s: float) -> None:
        """Keep the intent."""
        self._check()
        with self._lock:
            self.announced[intent.bucket_ms, intent.quote_id] = intent

    def decide(self, row: LedgerRow, timeout_s: float) -> LedgerRow | None:
        """Keep the row unless there is one."""
        self._check()
        with self._lock:
            standing = self.rows.setdefault(row.quote_id, row)
        return None if standing is row else standing

    def read(self, quote_id: str, timeout_s: float) -> LedgerRow | None:
        """The row, or None."""
        self._check()
        return self.rows.get(quote_id)

    def intents(self, bucket_ms: int) -> list[Intent]:
        """The intents of a bucket, by quote."""
        self._check()
        return [intent for (bucket, _), intent in sorted(self.announced.items()) if bucket == bucket_ms]

    def forget(self, intent: Intent) -> None:
        """Remove the intent; nothing happens when it is gone."""
        self._check()
        with self._lock:
            self.announced.pop((intent.bucket_ms, intent.quote_id), None)

    def _check(self) -> None:
        if self.unavailable:
            raise LedgerUnavailable("the ledger is out of reach, as this test asked")
