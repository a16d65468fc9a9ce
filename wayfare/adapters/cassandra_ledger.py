"""The booking ledger in Cassandra: one lightweight transaction per quote, intents in minute buckets."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cassandra import ConsistencyLevel

from wayfare.adapters.cassandra_session import DRIVER_ERRORS, LazySession
from wayfare.domain.errors import LedgerUnavailable, StoreUnavailable
from wayfare.domain.pricing.ledger import Intent, LedgerRow

BACKGROUND_TIMEOUT_S = 5.0
_COLUMNS = "quote_id, booking_id, city, rider_id, outcome, answer, attempt, decided_at"
_DECIDE = f"INSERT INTO bookings ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"
_READ = f"SELECT {_COLUMNS} FROM bookings WHERE quote_id = ?"
_ANNOUNCE = "INSERT INTO booking_outbox (bucket, quote_id, record) VALUES (?, ?, ?)"
_INTENTS = "SELECT quote_id, record FROM booking_outbox WHERE bucket = ?"
_FORGET = "DELETE FROM booking_outbox WHERE bucket = ? AND quote_id = ?"
STATEMENTS = (_DECIDE, _READ, _ANNOUNCE, _INTENTS, _FORGET)
"""What to prepare before the first request needs it."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class CassandraLedger:
    """`Ledger` on Cassandra.

    across_data_centers: decide by a quorum of all data centres (SERIAL) rather than of the nearest (LOCAL_SERIAL). All
    processes of an installation must use the same, or two of them could decide one quote twice.
    """

    def __init__(self, session: LazySession, across_data_centers: bool = False) -> None:
        self._session = session
        self._serial = ConsistencyLevel.SERIAL if across_data_centers else ConsistencyLevel.LOCAL_SERIAL
        self._quorum = ConsistencyLevel.QUORUM if across_data_centers else ConsistencyLevel.LOCAL_QUORUM

    def announce(self, intent: Intent, timeout_s: float) -> None:
        """Record the intent."""
        record = json.dumps({"expires_at_ms": intent.expires_at_ms, "record": intent.record})
        values = (_moment(intent.bucket_ms), intent.quote_id, record)
        self._run(_ANNOUNCE, values, timeout_s, "could not record the intent of a booking")

    def decide(self, row: LedgerRow, timeout_s: float) -> LedgerRow | None:
        """One compare-and-set. LedgerUnavailable also when its outcome is unknown: then `read` tells."""
        values = (
            row.quote_id,
            row.booking_id,
            row.city,
            row.rider_id,
            row.outcome,
            json.dumps(row.answer),
            row.attempt,
            _moment(row.decided_at_ms),
        )
        rows = self._run(_DECIDE, values, timeout_s, "could not decide a quote")
        found = rows[0]
        if found.applied:
            return None
        # Columns of a refused transaction come in the table's order, not in that of the statement.
        return _row([getattr(found, column) for column in _COLUMNS.split(", ")])

    def read(self, quote_id: str, timeout_s: float) -> LedgerRow | None:
        """The row at serial consistency, which first completes a decision still under way."""
        rows = self._run(_READ, (quote_id,), timeout_s, "could not be read", self._serial)
        return _row(rows[0]) if rows else None

    def intents(self, bucket_ms: int) -> list[Intent]:
        """The intents of a bucket."""
        rows = self._run(_INTENTS, (_moment(bucket_ms),), BACKGROUND_TIMEOUT_S, "could not list intents")
        found = []
        for quote_id, text in rows:
            held = json.loads(text)
            found.append(Intent(bucket_ms, quote_id, held["expires_at_ms"], held["record"]))
        return found

    def forget(self, intent: Intent) -> None:
        """Remove the intent."""
        values = (_moment(intent.bucket_ms), intent.quote_id)
        self._run(_FORGET, values, BACKGROUND_TIMEOUT_S, "could not forget an intent")

    def _run(
        self, query: str, values: Sequence[Any], timeout_s: float, what: str, consistency: int | None = None
    ) -> list[Any]:
        with _mapped(what):
            statement = self._session.prepared(query).bind(values)
            statement.consistency_level = self._quorum if consistency is None else consistency
            statement.serial_consistency_level = self._serial
            # Lightweight transactions are not idempotent: neither the driver nor we may send one twice.
            statement.is_idempotent = False
            return list(self._session().execute(statement, timeout=timeout_s))


@contextmanager
def _mapped(what: str) -> Iterator[None]:
    try:
        yield
    except (*DRIVER_ERRORS, StoreUnavailable) as error:
        raise LedgerUnavailable(f"the booking ledger {what}, got {type(error).__name__}: {error}") from error


def _moment(ms: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=ms)


def _row(values: Sequence[Any]) -> LedgerRow:
    quote_id, booking_id, city, rider_id, outcome, answer, attempt, decided_at = values
    return LedgerRow(
        quote_id,
        booking_id,
        city,
        rider_id,
        outcome,
        json.loads(answer),
        attempt,
        round((decided_at.replace(tzinfo=dt.UTC) - _EPOCH).total_seconds() * 1000),
    )
