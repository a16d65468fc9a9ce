"""The figures that explain a judgement: distributions of a stretch of time beside what training expects of its hours."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wayfare.domain.drift import divergence
from wayfare.domain.drift.columns import Column
from wayfare.domain.drift.monitor import Monitor
from wayfare.domain.drift.register import Register, merged
from wayfare.domain.drift.series import SHRINK_ROWS, known_of, shrunk

HOUR_BUCKETS = 12


@dataclass(frozen=True, slots=True)
class ColumnFigures:
    """One column over a stretch of time. What cannot be told is None: no rows, no spread, or a reference without it.

    mean, sd and those expected: in the column's own units. p-values are of effective sample sizes. counts: by label,
    beside the shares expected. hourly_shift_sd: of a number over more than an hour, oldest hour first.
    """

    name: str
    group: str
    kind: str
    known: int
    missing: float | None
    missing_expected: float | None
    unseen: float | None
    mean: float | None
    sd: float | None
    mean_expected: float | None
    sd_expected: float | None
    kl: float | None
    kl_p: float | None
    psi: float | None
    g: float | None
    g_p: float | None
    labels: list[str]
    counts: list[int]
    shares_expected: list[float]
    hourly_shift_sd: list[float | None]


def figures(monitor: Monitor, buckets: int) -> list[ColumnFigures]:
    """Every column of the newest `buckets` of the window."""
    held = [entry for entry in monitor.window if entry[0] > monitor.last - buckets]
    found = []
    for outcomes in (False, True):
        columns = monitor.reference.outcomes if outcomes else monitor.reference.served
        told = [(bucket, late if outcomes else served) for bucket, served, late in held]
        rows = [(monitor.part(bucket), register) for bucket, register in told if register is not None]
        total = merged(register for _part, register in rows)
        for at, column in enumerate(columns.columns):
            weights: dict[str, float] = {}
            for part, register in rows:
                weights[part] = weights.get(part, 0.0) + float(register.known[at])
            begin, end = columns.offsets[at], columns.offsets[at + 1]
            counts = total.counts[begin:end] if total else np.zeros(column.width, np.int64)
            one = _figures(column, at, total, weights, counts, len(held))
            if buckets > HOUR_BUCKETS and column.kind == "number":
                one = dataclasses.replace(one, hourly_shift_sd=_by_hour(monitor, column, at, told, buckets))
            found.append(one)
    return found


def _figures(
    column: Column,
    at: int,
    total: Register | None,
    weights: dict[str, float],
    counts: npt.NDArray[np.int64],
    buckets: int,
) -> ColumnFigures:
    known, rows = (int(total.known[at]), total.rows) if total else (0, 0)
    told: dict[str, Any] = dict.fromkeys(
        ("mean", "sd", "mean_expected", "sd_expected", "kl", "kl_p", "psi", "g", "g_p"), None
    )
    shares = [] if column.group == "outcomes" else _shares(column, weights.items())
    inflation = _inflation(column, known, buckets, "mean" if column.kind == "number" else "categories")
    if total and known and column.kind == "number" and column.entry["mean"] is not None:
        told |= _moments(column, at, total, weights, known, inflation)
    if known and column.kind != "clock" and float(np.sum(shares)) > 0 and column.width > 1 and shares:
        told["psi"] = divergence.psi(counts.tolist(), shares)
        if column.kind == "category" and inflation is not None:
            told["g"], told["g_p"] = divergence.g_test(counts.tolist(), shares, inflation)
    return ColumnFigures(
        name=column.name,
        group=column.group,
        kind=column.kind,
        known=known,
        missing=1.0 - known / rows if rows else None,
        missing_expected=column.entry.get("missing"),
        unseen=float(total.unseen[at]) / known if total and known else None,
        hourly_shift_sd=[],
        labels=column.labels,
        counts=counts.tolist(),
        shares_expected=shares,
        **told,
    )


def _by_hour(
    monitor: Monitor, column: Column, at: int, told: Sequence[tuple[int, Register | None]], buckets: int
) -> list[float | None]:
    """The shift of each hour's mean, in the standard deviations of training at that hour; None without values."""
    begin = monitor.last - buckets + 1
    found: list[float | None] = []
    for hour in range(buckets // HOUR_BUCKETS):
        first = begin + hour * HOUR_BUCKETS
        rows = [(b, r) for b, r in told if first <= b < first + HOUR_BUCKETS and r is not None and r.known[at]]
        total = merged(register for _bucket, register in rows)
        if total is None or not column.entry.get("variance"):
            found.append(None)
            continue
        weights: dict[str, float] = {}
        for bucket, register in rows:
            part = monitor.part(bucket)
            weights[part] = weights.get(part, 0.0) + float(register.known[at])
        shown = _moments(column, at, total, weights, int(total.known[at]), None)
        spread = shown["sd_expected"]
        found.append(round((shown["mean"] - shown["mean_expected"]) / spread, 4) if spread else None)
    return found


def _moments(
    column: Column, at: int, total: Register, weights: dict[str, float], known: int, inflation: float | None
) -> dict[str, Any]:
    mean, variance = total.moments(at)
    entry, parts = column.entry, column.entry["by_hour"]
    expected, square = 0.0, 0.0
    for part, weight in weights.items():
        cell = parts.get(part)
        trust = known_of(cell) / (known_of(cell) + SHRINK_ROWS)
        m, v = shrunk(entry, cell, trust)
        expected += weight / known * m
        square += weight / known * (v + m * m)
    spread = max(0.0, square - expected * expected)
    # What is left of a constant is rounding.
    spread = spread if spread > 1e-12 * max(1.0, expected * expected) else 0.0
    told: dict[str, Any] = {
        "mean": column.centre + mean * column.scale,
        "sd": column.scale * max(0.0, variance) ** 0.5,
        "mean_expected": expected,
        "sd_expected": spread**0.5,
    }
    if spread > 0 and variance > 0:
        told["kl"] = divergence.kl(told["mean"], told["sd"] ** 2, expected, spread)
        if inflation is not None:
            told["kl_p"] = divergence.kl_tail(told["kl"], known / inflation, entry["skewness"], entry["kurtosis"])
    return told


def _inflation(column: Column, known: int, buckets: int, what: str) -> float | None:
    """By how much a mean's variance is larger than that of independent rows; None of a reference that does not say."""
    told = (column.entry.get("between") or {}).get(what)
    if not told:
        return None
    pairs = told if isinstance(told[0], list) else [told]
    effects = [sum(pair[at] for pair in pairs) / len(pairs) for at in (0, 1)]
    hours = max(1.0, buckets / HOUR_BUCKETS)
    return 1.0 + known * (float(effects[0]) / hours + float(effects[1]))


def _shares(column: Column, weights: Iterable[tuple[str, float]]) -> list[float]:
    """Share of each count that training expects in these hours, shrunk to the whole."""
    whole = column.entry.get("counts")
    if whole is None:
        categories = {int(name): count for name, count in column.entry.get("categories", {}).items()}
        if column.kind == "number":
            return _shares_of_quantiles(column)
        listed = [categories[int(name)] for name in column.listed]
        whole = [*listed, sum(categories.values()) - sum(listed)]
    overall = np.asarray(whole, np.float64) / max(1.0, float(np.sum(whole)))
    found, total = np.zeros(column.width), 0.0
    for part, weight in weights:
        cell = column.entry["by_hour"].get(part)
        counts = np.asarray(cell["counts"], np.float64) if cell and "counts" in cell else np.zeros(column.width)
        rows = float(counts.sum())
        trust = rows / (rows + SHRINK_ROWS)
        found += weight * ((1 - trust) * overall + (trust * counts / rows if rows else 0.0))
        total += weight
    return [float(share) for share in (found / total if total else overall)]


def _shares_of_quantiles(column: Column) -> list[float]:
    """Shares of bins that schema 1 does not count, from the quantiles that the edges are."""
    quantiles = column.entry.get("quantiles", {})
    below = [max(float(part) for part, value in quantiles.items() if value <= edge) for edge in column.edges]
    return [float(share) for share in np.diff([0.0, *below, 1.0])] if quantiles else []
