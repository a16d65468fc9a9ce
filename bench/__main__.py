"""`make bench`: runs every benchmark against its peer in the same run, prints one table, writes one JSON file.

A benchmark is a module of this folder with `run(quick: bool) -> dict`: {"name", "what", "peer", "ratios": [one per paired
round], "aim": text, "figures": {name: value with its unit in the name}}. Ratios are better-is-higher unless the name says
otherwise; absolute figures on a shared machine are noise, ratios of paired rounds hold.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import json
import os
import pathlib
import platform
import statistics
import sys
import traceback

from rich.console import Console
from rich.table import Table

from bench import report

STREAMS = (
    "cells",
    "sketches",
    "ingest_decode",
    "broker_to_window",
    "http_pings",
    "event_hops",
    "window_refresh",
    "growth",
    "limits",
)
"""What `docs/performance.md` is written from."""
MODULES = (*STREAMS, "serving_import", "quote_overhead", "event_to_price", "capacity")
ON_REQUEST = ("images", "drift", "drift_speed", "fault_day", "cover", "recovery")
"""Run when named: these need a container engine, or half an hour, an environment of their own for their peers, or public data."""


def spread(ratios: list[float]) -> str:
    """Median and range of paired ratios."""
    if not ratios:
        return "-"
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}, n={len(ratios)})"


def main() -> int:
    """Run what was asked for; exit status 1 when a benchmark could not be run."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(MODULES), help=f"among {', '.join((*MODULES, *ON_REQUEST))}")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("bench/results.json"))
    options = parser.parse_args()
    console = Console()
    results, failed = [], 0
    for name in options.names:
        console.print(f"[bold]{name}[/] ...")
        try:
            results.append(importlib.import_module(f"bench.{name}").run(options.quick))
        except Exception:
            failed += 1
            traceback.print_exc()
            results.append(
                {"name": name, "what": "could not be run", "peer": "-", "ratios": [], "aim": "-", "figures": {}}
            )
    table = Table(title="Wayfare benchmarks")
    for heading in ("benchmark", "against", "ratio: median (range)", "aim", "figures"):
        table.add_column(heading, overflow="fold")
    for result in results:
        figures = "\n".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in result["figures"].items()
        )
        table.add_row(result["what"], result["peer"], spread(result["ratios"]), result["aim"], figures)
    console.print(table)
    document = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "quick": options.quick,
        "results": results,
    }
    options.out.write_text(json.dumps(document, indent=1))
    console.print(f"written to {options.out}")
    if not failed and not options.quick and set(STREAMS) <= set(options.names):
        report.write(document)
        console.print(f"written to {report.PAGE}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
