"""Writes `docs/performance.md` from the results of a run: `python -m bench.report [bench/results.json]`.

A row of the table is a comparison, its least ratio that was promised, and what was measured; the sentence on what bounds a
figure is kept in `bench/report_rows.py`, beside the row that it explains.
"""

from __future__ import annotations

import json
import pathlib
import statistics
import sys
from collections.abc import Mapping
from typing import Any

from bench.report_rows import MOVED, ROWS

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "performance.md"


GROWTH = {
    "drivers": "Moving the state by a ping, with so many drivers known.",
    "cells": "The same by the number of cells that the pings are spread over.",
    "register": "Counting a million cabs and sketching them, by their non-empty cells.",
    "panes": "Decoding and adding up a whole window of so many panes.",
    "partitions": "The same for ten panes, by partitions; the same cabs are spread over them.",
}

HOPS = {
    "to_the_log": "sent, checked, in the log, answered 202",
    "into_redis": "read by ingest, counted, written to Redis",
    "waiting_for_the_other_partitions": "until the window is known up to then in the partitions of requests too",
    "into_the_front_end": "copied by the front end, and a quote asked for",
    "quoted": "the quote",
}
LIMITS = {
    "memory_copy_gb_per_s": ("memory, copied by one core (read and written)", "GB/s"),
    "packed_produced_mb_per_s": ("broker, records of 64 KiB written", "MB/s"),
    "packed_consumed_mb_per_s": ("broker, records of 64 KiB read", "MB/s"),
    "loose_produced_mb_per_s": ("broker, records of 200 bytes written", "MB/s"),
    "loose_consumed_mb_per_s": ("broker, records of 200 bytes read", "MB/s"),
}
"""Figures of `limits`: the broker's by Kafka's own perf tools, one partition, nothing compressed."""


def page(document: dict[str, Any]) -> str:
    """The page's text."""
    results = {result["name"]: result for result in document["results"]}
    text = [
        "# Performance\n",
        "Written by `make bench` (`python -m bench.report`): the modules of `bench/` say how each figure is made. Both sides of a",
        "ratio run by turns on one machine and must give equal results before they are timed; the ratio is the median of the rounds,",
        "with its range. Absolute figures are of a shared machine and are noise beside the ratios.\n",
        f"Measured {document['at']}{' with fewer rounds' if document['quick'] else ''} on {document['machine']['cpus']} CPUs, Python {document['machine']['python']}.\n",
        "| what | against | at least | measured: median (range) | | absolute |",
        "|---|---|---|---|---|---|",
    ]
    bounds = []
    for row in ROWS:
        result = results.get(row.bench)
        if result is None or not result["ratios"]:
            text.append(f"| {row.what} | {row.against} | {row.least:g} x | not measured in this run | | |")
            continue
        figures = result["figures"]
        if row.ratio:
            median, low, high = (figures[f"{row.ratio}_{part}"] for part in ("median", "least", "most"))
        else:
            ratios = result["ratios"]
            median, low, high = statistics.median(ratios), min(ratios), max(ratios)
        met = "met" if median >= row.least else "**missed**"
        text.append(
            f"| {row.what} | {row.against} | {row.least:g} x | {median:.3g} ({low:.3g} to {high:.3g}) | {met} "
            f"| {row.absolute.format(**figures)} |"
        )
        bounds.append(f"- **{row.what}, against {row.against}** ({met.strip('*')}): {row.bound.format(**figures)}")
    text += ["\n## What bounds each\n", *bounds]
    growth = results.get("growth", {}).get("figures", {})
    if growth:
        text += [
            "\n## How cost grows\n",
            "The slope is the exponent b of a fitted cost = a n^b: 0 does not grow, 1 grows as fast as n.\n",
            "| by | measured | slope |",
            "|---|---|---|",
        ]
        for name, what in GROWTH.items():
            points = {k: v for k, v in growth.items() if k.startswith(f"{name}_")}
            measured = ", ".join(f"{int(k.rsplit('_', 1)[1]):,}: {v:.3g}" for k, v in points.items())
            text.append(f"| {what} | {measured} | {growth[f'slope_{name}']:.2f} |")
        text += ["", *(f"![{name}](performance/{name}.svg)" for name in GROWTH)]
    text += [*_hops(results), *_sharing(results), *_limits(results)]
    return "\n".join(text) + "\n"


def _hops(results: Mapping[str, Any]) -> list[str]:
    """Where the time from event to price goes."""
    figures = results.get("event_hops", {}).get("figures")
    if not figures:
        return []
    return [
        "\n## From a ping to a price\n",
        f"{figures['batches']:,} batches at {figures['pings_per_s']:,.0f} pings/s, from being sent to the answer of the first quote "
        f"whose window holds them: p50 {figures['p50_s']:.2f} s, p99 {figures['p99_s']:.2f} s; from the 202 on, p99 "
        f"{figures['p99_from_202_s']:.2f} s.\n",
        "| hop | mean | share | p99 |",
        "|---|---|---|---|",
        *(
            f"| {what} | {figures[f'{hop}_mean_s']:.3f} s | {figures[f'{hop}_share']:.0%} | {figures[f'{hop}_p99_s']:.3f} s |"
            for hop, what in HOPS.items()
        ),
    ]


def _sharing(results: Mapping[str, Any]) -> list[str]:
    """What it saves that requests share records, and what a peer saves that does not wait."""
    figures = results.get("http_pings", {}).get("figures")
    if not figures:
        return []
    rows = (
        ("events_api", 1, "ours", f"{figures['ours_of_1_records_per_ping']:.3f}"),
        ("events_api, `WAYFARE_GATHER_SECONDS=0`", 1, "alone", f"{figures['alone_of_1_records_per_ping']:.3f}"),
        ("the same with 64 threads for 64 clients", 1, "crowd", f"{figures['crowd_of_1_records_per_ping']:.3f}"),
        (
            "that with `WAYFARE_GATHER_SECONDS=0`",
            1,
            "crowd_alone",
            f"{figures['crowd_alone_of_1_records_per_ping']:.3f}",
        ),
        ("plain handler", 1, "plain", "1"),
        ("plain handler that answers without waiting for the log", 1, "untold", "1"),
        ("events_api", 500, "ours", f"{figures['ours_of_500_records_per_ping']:.4f}"),
        ("plain handler", 500, "plain", "1"),
        ("plain handler that answers without waiting for the log", 500, "untold", "1"),
    )
    few, crowd = (
        "{:.2f} times ({:.2f} to {:.2f})".format(*(figures[f"{name}_{part}"] for part in ("median", "least", "most")))
        for name in ("sharing", "crowd_sharing")
    )
    return [
        "\n## Requests that share records\n",
        "Requests that come within 8 ms of each other are sent together, each waiting for its own alone; from eight pings of one "
        f"partition on they share a record, which so few callers over four partitions hardly ever are. Not waiting for others costs {few} the CPU with 16 threads for 16 clients, as they are by "
        f"default, and {crowd} with 64.\n",
        "| service | pings to a request | records a ping | CPU a ping | pings/s |",
        "|---|---|---|---|---|",
        *(
            f"| {what} | {size} | {records} | {figures[f'{name}_of_{size}_cpu_us_per_ping']:.1f} us "
            f"| {figures[f'{name}_of_{size}_pings_per_s']:,.0f} |"
            for what, size, name, records in rows
        ),
    ]


def _limits(results: Mapping[str, Any]) -> list[str]:
    """What the machine can do, and how much of it each path needs at least."""
    limits = results.get("limits", {}).get("figures")
    if not limits:
        return []
    text = [
        "\n## What the machine can do\n",
        "| limit | measured: median (range) |",
        "|---|---|",
        *(
            f"| {what} | {limits[name]:,.3g} {unit} ({limits[f'{name}_least']:,.3g} to {limits[f'{name}_most']:,.3g}) |"
            for name, (what, unit) in LIMITS.items()
        ),
        "\n| path | bytes moved at least | of the limit |",
        "|---|---|---|",
    ]
    for row in MOVED:
        figures = results.get(row.bench, {}).get("figures")
        if figures:
            size = figures[row.bytes_an_item] if isinstance(row.bytes_an_item, str) else row.bytes_an_item
            speed = figures[row.rate] * row.scale * size
            text.append(
                f"| {row.what} | {size:.0f} an item ({row.made_of}), {speed / 1e9:.2g} GB/s "
                f"| {speed / (limits[row.limit] * row.limit_scale):.1%} of {LIMITS[row.limit][0]} |"
            )
    return text


def write(document: dict[str, Any]) -> None:
    """The page of a run that had everything in it."""
    PAGE.write_text(page(document))


if __name__ == "__main__":
    write(json.loads(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "bench/results.json").read_text()))
