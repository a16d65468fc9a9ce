"""Landing rows in the lake exactly once: immutable files, and one small ledger per partition that decides.

A batch of one partition's offsets may touch several tables' folders (cities and days). Its files are written beside their
final place under hidden names and synced; then the partition's ledger, `<lake>/_landed/<topic>-<partition>.json`, is
replaced in one rename. That rename is the moment at which the batch is landed: it names the next offset and the batch's
files. Then the files get their final names, and are done. A process killed before that moment leaves hidden files, which
the next owner removes; killed after it, the next owner finishes the renames. A lock per partition keeps a second owner out
while the first lives, so a consumer that its group has given up cannot land behind its successor's back.

`LAKE` is a local or mounted folder: the proof rests on rename and lock of a POSIX file system.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from wayfare.adapters.parquet_rows import Row
from wayfare.adapters.parquet_tables import TABLES
from wayfare.domain.errors import StoreUnavailable


class PartitionLanding:
    """One partition's way into the lake. `open` takes the lock and finishes what a predecessor left.

    next_offset: the first offset not landed, None before anything was. series: the newest pane landed of each series.
    """

    def __init__(self, lake: pathlib.Path, topic: str, partition: int) -> None:
        self._lake, self._topic, self._partition = lake, topic, partition
        self._name = f"{topic}-{partition}"
        self._ledger = lake / "_landed" / f"{self._name}.json"
        self._lock: IO[str] | None = None
        self.next_offset: int | None = None
        self.series: dict[str, int] = {}

    def open(self) -> None:
        """Take the partition over; StoreUnavailable while another process holds it or the lake cannot be written."""
        try:
            self._ledger.parent.mkdir(parents=True, exist_ok=True)
            lock = self._ledger.with_suffix(".lock").open("a")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.close()
                raise StoreUnavailable(f"another process lands this partition, got {self._name}") from error
            self._lock = lock
            self._recover()
        except OSError as error:
            self.close()
            raise StoreUnavailable(f"the lake cannot be written: {error}, got {self._lake}") from error

    def _recover(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            held = json.loads(self._ledger.read_text())
            self.next_offset, self.series = held["next_offset"], held["series"]
            for name in held["files"]:
                self._finish(self._lake / name)
        for left in self._lake.glob(f"*/city=*/day=*/.{self._name}-*.tmp"):
            left.unlink()

    def land(self, rows: Sequence[Row], first_offset: int, last_offset: int) -> int:
        """Land the rows of the offsets from `first_offset` to `last_offset`; returns how many rows are new.

        Panes that a series has passed are repeats (ingest writes equal registers again after a crash) and are left out.
        Raises StoreUnavailable when the lake cannot be written; the same call may then be made again.
        """
        if self.next_offset is not None and first_offset < self.next_offset:
            raise ValueError(f"offsets land once, from {self.next_offset} on, got {first_offset}")
        series = dict(self.series)
        folders: dict[tuple[str, str], list[dict[str, Any]]] = {}
        count = 0
        for row in rows:
            if row.pane is not None:
                if row.pane[1] <= series.get(row.pane[0], -1):
                    continue
                series[row.pane[0]] = row.pane[1]
            folders.setdefault((row.city, row.day), []).append(row.columns)
            count += 1
        try:
            files = [
                self._write(city, day, columns, first_offset, last_offset) for (city, day), columns in folders.items()
            ]
            self._commit(last_offset + 1, [str(file.relative_to(self._lake)) for file in files], series)
            for file in files:
                self._finish(file)
        except OSError as error:
            raise StoreUnavailable(f"the lake cannot be written: {error}, got {self._lake}") from error
        return count

    def _write(self, city: str, day: str, columns: Sequence[Mapping[str, Any]], first: int, last: int) -> pathlib.Path:
        """Write one file under its hidden name; returns its final path."""
        folder = self._lake / self._topic / f"city={city}" / f"day={day}"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self._name}-{first:020d}-{last:020d}.parquet"
        schema = TABLES[self._topic]
        table = pa.table({name: [row[name] for row in columns] for name in schema.names}, schema)
        hidden = _hidden(file)
        pq.write_table(table, hidden, compression="zstd")
        _sync(hidden)
        return file

    def _commit(self, next_offset: int, files: Sequence[str], series: dict[str, int]) -> None:
        draft = self._ledger.with_suffix(".tmp")
        draft.write_text(json.dumps({"next_offset": next_offset, "files": list(files), "series": series}))
        _sync(draft)
        draft.rename(self._ledger)
        _sync(self._ledger.parent)
        self.next_offset, self.series = next_offset, series

    @staticmethod
    def _finish(file: pathlib.Path) -> None:
        hidden = _hidden(file)
        if hidden.exists():
            hidden.rename(file)
            _sync(file.parent)

    def close(self) -> None:
        """Let another process take the partition."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _hidden(file: pathlib.Path) -> pathlib.Path:
    return file.with_name(f".{file.stem}.tmp")


def _sync(path: pathlib.Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
