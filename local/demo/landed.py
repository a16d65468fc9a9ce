"""What the lander has landed: its own ledgers say how far, the files of the lake say how many rows."""

from __future__ import annotations

import json
import pathlib

import pyarrow.parquet as pq


def rows_and_last_offsets(lake: pathlib.Path, topic: str) -> dict[int, tuple[int, int]]:
    """Rows in the lake's files of each partition of a topic, and the last offset that is landed."""
    found: dict[int, tuple[int, int]] = {}
    for ledger in sorted((lake / "_landed").glob(f"{topic}-*.json")):
        partition = int(ledger.stem.removeprefix(f"{topic}-"))
        last = int(json.loads(ledger.read_text())["next_offset"]) - 1
        files = (lake / topic).glob(f"city=*/day=*/{topic}-{partition}-*.parquet")
        found[partition] = (sum(pq.read_metadata(file).num_rows for file in files), last)
    return found
