"""Features in Cassandra: training rows in long form, riders' and cells' aggregates. Tables: `cassandra_schema`."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from cassandra.concurrent import execute_concurrent
from cassandra.query import BatchStatement, BatchType

from wayfare.adapters.cassandra_session import DRIVER_ERRORS, LazySession
from wayfare.domain.city import Place
from wayfare.domain.errors import StoreUnavailable
from wayfare.domain.features.inputs import RiderHistory
from wayfare.domain.features.stores import NOBODY, CellFeatures, Matrix

_IN_FLIGHT = 32
"""Requests in flight: enough to hide the round trip, too few to overload one node."""
_CHUNK = 1_000
"""Statements held in memory at once."""
_ATTEMPTS = 4
Statement = tuple[Any, Any]
_BATCH_ROWS = 200
"""Rows of one partition in an unlogged batch: well under Cassandra's warning at 5 KB times its default of ten."""


@contextlib.contextmanager
def _mapped(what: str) -> Iterator[None]:
    try:
        yield
    except DRIVER_ERRORS as error:
        raise StoreUnavailable(f"Cassandra could not {what}, got {type(error).__name__}: {error}") from error


class CassandraFeatures:
    """RiderStore, CellStore and TrainingFeatures in the session's keyspace."""

    def __init__(self, session: LazySession) -> None:
        self._session = session

    def write_rows(self, trip_ids: Sequence[str], names: Sequence[str], values: Matrix) -> int:
        """Replace the features of trips; one unlogged batch a trip, because a trip is one partition."""
        delete = self._session.prepared("DELETE FROM features USING TIMESTAMP ? WHERE trip_id = ?")
        insert = self._session.prepared(
            "INSERT INTO features (trip_id, feature_id, feature_name, value) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
        )
        now = time.time_ns() // 1000

        def batches() -> Iterator[Statement]:
            for trip_id, row in zip(trip_ids, values.tolist(), strict=True):
                batch = BatchStatement(batch_type=BatchType.UNLOGGED)
                # Of two cells with one timestamp the deletion wins, so it is a microsecond older.
                batch.add(delete, (now - 1, trip_id))
                for number, (name, value) in enumerate(zip(names, row, strict=True)):
                    if value == value:
                        batch.add(insert, (trip_id, number, name, value, now))
                yield batch, None

        self._finish(batches(), "write training features")
        return int((~np.isnan(values)).sum())

    def read_rows(self, trip_ids: Sequence[str], names: Sequence[str]) -> Matrix:
        """The features of trips; NaN where none is stored."""
        query = self._session.prepared("SELECT feature_name, value FROM features WHERE trip_id = ?")
        column = {name: number for number, name in enumerate(names)}
        found = np.full((len(trip_ids), len(names)), np.nan)
        asked = [(query, (trip_id,)) for trip_id in trip_ids]
        for row, answer in self._run(asked, "read training features"):
            for name, value in answer:
                if name in column:
                    found[row, column[name]] = value
        return found

    def write(self, city: str, as_of: dt.date, days_seen: int, histories: Mapping[str, RiderHistory]) -> None:
        """Replace the riders' aggregates, nobody's last, so that no rider of the new day is missed before it shows."""
        delete = self._session.prepared("DELETE FROM rider_history USING TIMESTAMP ? WHERE city = ? AND rider_id = ?")
        insert = self._session.prepared(
            "INSERT INTO rider_history (city, rider_id, kind, key, bookings, as_of, days_seen) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
        )
        now = time.time_ns() // 1000

        def batches(rows: Iterable[tuple[str, RiderHistory]]) -> Iterator[Statement]:
            for rider, history in rows:
                cells = [
                    ("all", "", history.bookings),
                    *(("multiplier", str(level), count) for level, count in history.by_multiplier.items()),
                    *(("pair", pair, count) for pair, count in history.by_pair.items()),
                ]
                batch = BatchStatement(batch_type=BatchType.UNLOGGED)
                batch.add(delete, (now - 1, city, rider))
                for kind, key, count in cells[:_BATCH_ROWS]:
                    batch.add(insert, (city, rider, kind, key, count, as_of, history.days_seen, now))
                yield batch, None
                for kind, key, count in cells[_BATCH_ROWS:]:
                    yield insert, (city, rider, kind, key, count, as_of, history.days_seen, now)

        self._finish(batches(histories.items()), "write riders' histories")
        self._finish(batches([(NOBODY, RiderHistory(0, days_seen))]), "write riders' histories")

    def read(self, city: str, rider_id: str, timeout_s: float) -> RiderHistory | None:
        """The rider's aggregates, or nobody's, or None; both are asked for at once."""
        query = self._session.prepared(
            "SELECT kind, key, bookings, as_of, days_seen FROM rider_history WHERE city = ? AND rider_id = ?"
        )
        with _mapped("read a rider's history"):
            asked = [
                self._session().execute_async(query, (city, rider), timeout=timeout_s) for rider in (rider_id, NOBODY)
            ]
            found, nobody = (list(future.result()) for future in asked)
        if not nobody:
            return None
        rows = [row for row in found if row.as_of == nobody[0].as_of] or nobody
        return RiderHistory(
            bookings=sum(row.bookings for row in rows if row.kind == "all"),
            days_seen=rows[0].days_seen,
            by_multiplier={float(row.key): row.bookings for row in rows if row.kind == "multiplier"},
            by_pair={row.key: row.bookings for row in rows if row.kind == "pair"},
        )

    def write_cells(self, city: str, as_of: dt.date, cells: Mapping[int, CellFeatures]) -> None:
        """Replace all cells of a city; a reader may see the old and the new mixed for a moment, never none."""
        gone = sorted(self.read_cells(city).keys() - cells.keys())
        delete = self._session.prepared("DELETE FROM cell_features WHERE city = ? AND cell = ?")
        insert = self._session.prepared(
            "INSERT INTO cell_features (city, cell, place_kind, median_dropoff_lat, median_dropoff_lon, trips, as_of) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        rows = [
            (insert, (city, cell, known.place_kind, *(known.median_dropoff or (None, None)), known.trips, as_of))
            for cell, known in cells.items()
        ]
        self._finish([*rows, *((delete, (city, cell)) for cell in gone)], "write cells")

    def read_cells(self, city: str) -> dict[int, CellFeatures]:
        """All cells of a city."""
        query = self._session.prepared(
            "SELECT cell, place_kind, median_dropoff_lat, median_dropoff_lon, trips FROM cell_features WHERE city = ?"
        )
        with _mapped("read cells"):
            return {
                row.cell: CellFeatures(
                    row.place_kind,
                    None if row.median_dropoff_lat is None else Place(row.median_dropoff_lat, row.median_dropoff_lon),
                    row.trips,
                )
                for row in self._session().execute(query, (city,))
            }

    def _finish(self, statements: Iterable[Statement], what: str) -> None:
        """Run statements that may safely be run again."""
        left = iter(statements)
        while part := list(itertools.islice(left, _CHUNK)):
            for _ in self._run(part, what):
                pass

    def _run(self, statements: Sequence[Statement], what: str) -> Iterator[tuple[int, Any]]:
        """Run idempotent statements; yields (position, answer). What fails is tried again, more slowly each time."""
        left = list(range(len(statements)))
        for attempt in range(_ATTEMPTS):
            failed, reason = [], None
            answers = execute_concurrent(
                self._session(),
                [statements[i] for i in left],
                concurrency=max(1, _IN_FLIGHT >> (2 * attempt)),
                raise_on_first_error=False,
                results_generator=True,
            )
            with _mapped(what):
                for position, (fine, answer) in zip(left, answers, strict=True):
                    if fine:
                        yield position, answer
                    else:
                        failed.append(position)
                        reason = answer
            if not failed:
                return
            left = failed
            time.sleep(0.5 * 2**attempt)
        raise StoreUnavailable(
            f"Cassandra could not {what}: {len(left)} of {len(statements)} statements failed {_ATTEMPTS} times, "
            f"got {type(reason).__name__}: {reason}"
        ) from (reason if isinstance(reason, Exception) else None)
