"""`make bench-compare`: the newest results against those of an earlier run, say of the last release.

Only ratios are compared: both sides of a ratio were measured in the same rounds on the same machine, so they hold from
machine to machine where absolute figures do not. Worse means that the median fell by more than the tolerance *and* left
the range that the earlier run itself had shown. A benchmark that the earlier run has and the newer one has not is worse
too: it could not be run, or it was dropped, and both must be noticed.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import sys
from dataclasses import dataclass
from typing import Any, Literal

TOLERANCE = 0.15
"""Share of the earlier median that is left to the noise of the machine."""

Verdict = Literal["as before", "better", "worse", "new", "missing"]


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    before: float | None
    now: float | None
    verdict: Verdict


def judge(before: list[float], now: list[float], tolerance: float = TOLERANCE) -> Verdict:
    """How paired ratios, better when higher, came out against those of an earlier run.

    >>> judge([2.0, 2.1, 1.9], [1.2, 1.3, 1.1])
    'worse'
    >>> judge([2.0, 2.1, 1.2], [1.3, 1.3, 1.3])  # far below the median, but no lower than that run itself had been
    'as before'
    """
    if not now:
        return "missing" if before else "as before"
    if not before:
        return "new"
    middle, then = statistics.median(now), statistics.median(before)
    if middle < then * (1 - tolerance) and middle < min(before):
        return "worse"
    if middle > then * (1 + tolerance) and middle > max(before):
        return "better"
    return "as before"


def compare(before: dict[str, Any], now: dict[str, Any], tolerance: float = TOLERANCE) -> list[Row]:
    """A row for each benchmark of either document; both are what `make bench` writes."""
    if before["quick"] != now["quick"]:
        raise ValueError(
            f"a quick run and a full one cannot be compared, got quick={before['quick']} and {now['quick']}"
        )
    then = {result["name"]: result["ratios"] for result in before["results"]}
    newest = {result["name"]: result["ratios"] for result in now["results"]}
    return [
        Row(
            name,
            statistics.median(then[name]) if then.get(name) else None,
            statistics.median(newest[name]) if newest.get(name) else None,
            judge(then.get(name, []), newest.get(name, []), tolerance),
        )
        for name in [*then, *(name for name in newest if name not in then)]
    ]


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 when something is worse or missing, 2 when the two cannot be compared."""
    parser = argparse.ArgumentParser(prog="bench.compare", description=__doc__)
    parser.add_argument("before", type=pathlib.Path, help="results.json of the earlier run")
    parser.add_argument("now", type=pathlib.Path, nargs="?", default=pathlib.Path("bench/results.json"))
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help=f"share of the median, {TOLERANCE}")
    options = parser.parse_args(arguments)
    try:
        before, now = (json.loads(path.read_text()) for path in (options.before, options.now))
        rows = compare(before, now, options.tolerance)
    except (OSError, KeyError, TypeError, ValueError) as error:
        print(f"bench.compare: {error!r}", file=sys.stderr)
        return 2
    print(f"before: {before['at']} on {before['machine']['cpus']} CPUs; now: {now['at']} on {now['machine']['cpus']}")
    for row in rows:
        then, newest = (f"{value:.2f}" if value is not None else "-" for value in (row.before, row.now))
        print(f"{row.name:<24} {then:>8} {newest:>8}  {row.verdict}")
    return 1 if any(row.verdict in {"worse", "missing"} for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
