"""Operator caps in Cassandra: rows that are only ever added, so that they are the audit."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from wayfare.adapters.cassandra_session import DRIVER_ERRORS, LazySession
from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.pricing.caps import SurgeCap

_RECORD = (
    "INSERT INTO surge_caps (city, set_at, max_multiplier, until, reason, operator) VALUES (?, ?, ?, ?, ?, ?)"
    " IF NOT EXISTS"
)
_RECORDED = "SELECT set_at, max_multiplier, until, reason, operator FROM surge_caps WHERE city = ? LIMIT 100"
STATEMENTS = (_RECORD, _RECORDED)
"""What to prepare before the first request needs it."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class CassandraCaps:
    """`CapStore` on Cassandra. timeout_s: longest wait for one answer."""

    def __init__(self, session: LazySession, timeout_s: float = 2.0) -> None:
        self._session = session
        self._timeout_s = timeout_s

    def record(self, cap: SurgeCap) -> SurgeCap:
        """Add a row; where one has this moment already, a millisecond later, so that no row is ever replaced."""
        while True:
            moments = (_moment(cap.set_at_ms), cap.max_multiplier, _moment(cap.until_ms))
            rows = self._run(_RECORD, (cap.city, *moments, cap.reason, cap.operator), "record a cap")
            if rows[0][0]:
                return cap
            cap = replace(cap, set_at_ms=cap.set_at_ms + 1)

    def recorded(self, city: str) -> list[SurgeCap]:
        """The newest 100 of a city, newest first, as the table is ordered."""
        return [
            SurgeCap(city, _ms(set_at), max_multiplier, _ms(until), reason, operator)
            for set_at, max_multiplier, until, reason, operator in self._run(_RECORDED, (city,), "read the caps")
        ]

    def _run(self, query: str, values: tuple[Any, ...], what: str) -> list[tuple[Any, ...]]:
        try:
            statement = self._session.prepared(query).bind(values)
            return [tuple(row) for row in self._session().execute(statement, timeout=self._timeout_s)]
        except DRIVER_ERRORS as error:
            raise StoreUnavailable(f"Cassandra could not {what}, got {type(error).__name__}: {error}") from error


def _moment(ms: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(milliseconds=ms)


def _ms(moment: dt.datetime) -> int:
    return round((moment.replace(tzinfo=dt.UTC) - _EPOCH).total_seconds() * 1000)
