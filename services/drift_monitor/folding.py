"""From partitions of the log to registers: what one member of the group holds of its share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from wayfare.adapters.json_predictions import by_register, comparable, ended_of, matrix, outcomes_matrix, served_of
from wayfare.adapters.kafka_registers import Head, Held
from wayfare.domain.drift.columns import Columns, Reference, outcome_columns
from wayfare.domain.drift.register import Key, Register
from wayfare.domain.errors import InvalidInput
from wayfare.domain.pricing.records import BOOKINGS, PREDICTIONS

TOPICS = (PREDICTIONS, BOOKINGS)
OPEN_BUCKETS = 24
"""Registers of the newest two hours stay in memory; older ones are taken from what was written when a late row comes."""
MOST_KINDS = 16
"""Models and versions of one city counted in the same five minutes; rows of others are counted as too many."""
NO_COLUMNS = Columns([])
OUTCOMES = outcome_columns()


class References(Protocol):
    """References by model and version."""

    def of(self, model: str, version: int) -> Reference | None:
        """None where there is none to be had; StoreUnavailable when that cannot be told now."""


@dataclass
class Share:
    """One partition owned. covers: newest offset folded. changed: registers not yet written as they are."""

    topic: str
    partition: int
    covers: int
    newest: dict[str, int]
    open: dict[Key, Register] = field(default_factory=dict)
    changed: set[Key] = field(default_factory=set)


@dataclass
class Folded:
    """What one batch came to, for counters and dead letters."""

    rows: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    dead: list[tuple[Any, str]] = field(default_factory=list)


class Folder:
    """Folds records into registers. `held`: what the registers' topic says, for what is not in memory."""

    def __init__(self, references: References, held: Held, is_city: Callable[[str], bool]) -> None:
        self._references, self._held, self._is_city = references, held, is_city
        self.shares: dict[tuple[str, int], Share] = {}

    def own(self, places: frozenset[tuple[str, int]]) -> dict[tuple[str, int], int | None]:
        """Settle a new share: where to read each place on; `held` must have been read to its end."""
        self.shares = {place: share for place, share in self.shares.items() if place in places}
        for place in places - self.shares.keys():
            head = self._held.heads.get(place, Head(-1, {}))
            self.shares[place] = Share(*place, head.covers, dict(head.newest))
        return {place: None if share.covers < 0 else share.covers + 1 for place, share in self.shares.items()}

    def fold(self, place: tuple[str, int], records: list[Any]) -> Folded:
        """Take records of one place in order. StoreUnavailable, with nothing taken, while a reference cannot be told."""
        share, told = self.shares[place], Folded()
        rows: list[Any] = []
        read = served_of if place[0] == PREDICTIONS else ended_of
        for record in records:
            if record.offset <= share.covers:
                continue
            try:
                row = read(record.offset, record.value)
            except InvalidInput as error:
                told.dead.append((record, str(error)))
                continue
            if self._is_city(row.city):
                rows.append(row)
            else:
                told.refused["no_city"] = told.refused.get("no_city", 0) + 1
        grouped = by_register(rows)
        # Before anything is taken: what raises here leaves the share as it was.
        references = {at[1:3]: self._references.of(*at[1:3]) for at in grouped if at[1]}
        for at, rows_of in grouped.items():
            key, reference = Key(*place, *at), references.get(at[1:3])
            chosen = comparable(rows_of, reference) if reference else rows_of
            if len(chosen) < len(rows_of):
                told.refused["anonymous"] = told.refused.get("anonymous", 0) + len(rows_of) - len(chosen)
            if not chosen:
                continue
            register = self._register(share, key, reference)
            if register is None:
                told.refused["too_many"] = told.refused.get("too_many", 0) + len(chosen)
                continue
            # A register may cover more than its partition's head, when its last writer died between the two.
            fresh = [row for row in chosen if row.offset > register.covers]
            if fresh:
                self._add(register, fresh, reference)
                share.changed.add(key)
                told.rows += len(fresh)
        for row in rows:
            share.newest[row.city] = max(share.newest.get(row.city, row.t_ms), row.t_ms)
        if records:
            share.covers = max(share.covers, records[-1].offset)
        return told

    def _register(self, share: Share, key: Key, reference: Reference | None) -> Register | None:
        if key in share.open:
            return share.open[key]
        beside = sum(1 for other in share.open if other.city == key.city and other.bucket == key.bucket)
        if beside >= MOST_KINDS:
            return None
        columns = OUTCOMES if not key.model else reference.served if reference else NO_COLUMNS
        fingerprint = "outcomes" if not key.model else reference.fingerprint if reference else ""
        written = self._held.registers.get(key)
        if written is not None and written.reference == fingerprint:
            share.open[key] = written.copy()
        else:
            share.open[key] = Register(key, columns, fingerprint)
        return share.open[key]

    def _add(self, register: Register, rows: list[Any], reference: Reference | None) -> None:
        covers = rows[-1].offset
        if not register.key.model:
            register.fold(OUTCOMES, outcomes_matrix(rows, OUTCOMES), 0, covers)
        elif reference is not None and register.reference:
            stale = sum(row.stale for row in rows)
            register.fold(reference.served, matrix(rows, reference), stale, covers)
        else:
            register.rows, register.covers = register.rows + len(rows), covers
            register.stale += sum(row.stale for row in rows)

    def unsaved(self) -> tuple[list[Register], dict[tuple[str, int], Head]]:
        """What must be written so that the log need not be read again up to each share's `covers`."""
        registers = []
        for share in self.shares.values():
            for key in share.changed:
                share.open[key].covers = max(share.open[key].covers, share.covers)
            registers += [share.open[key] for key in share.changed]
        heads = {place: Head(share.covers, share.newest) for place, share in self.shares.items() if share.covers >= 0}
        before = self._held.heads
        return registers, {
            at: head for at, head in heads.items() if at not in before or before[at].covers < head.covers
        }

    def saved(self) -> Mapping[tuple[str, int], int]:
        """All of it was written: forget what is old; returns the next offset of each place."""
        for share in self.shares.values():
            share.changed.clear()
            newest: dict[str, int] = {}
            for key in share.open:
                newest[key.city] = max(newest.get(key.city, key.bucket), key.bucket)
            for key in [k for k in share.open if k.bucket <= newest[k.city] - OPEN_BUCKETS]:
                del share.open[key]
        return {place: share.covers + 1 for place, share in self.shares.items() if share.covers >= 0}
