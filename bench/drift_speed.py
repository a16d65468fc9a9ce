"""Time per value of judging five minutes of rows, and what a register weighs, beside Evidently, NannyML and ADWIN.

Counting is what each value costs as it comes: into the registers of four partitions. Judging is the whole of it, once in five
minutes: counting, merging, all charts, and KL, PSI and their p of the last hour. Evidently and NannyML judge the same rows against the same reference once; ADWIN takes them one by one.
"""

from __future__ import annotations

import json
import pathlib
import tempfile
import time

import numpy as np

from bench.drift_environment import ask
from wayfare.domain.drift.columns import Reference, read_reference
from wayfare.domain.drift.figures import figures
from wayfare.domain.drift.monitor import Monitor
from wayfare.domain.drift.register import Key, Register, merged
from wayfare.domain.models.reference import drift_reference

COLUMNS, ROWS, PARTITIONS = 25, 2_000, 4


def spread(values: list[float]) -> str:
    return f"{np.median(values):.0f} ({min(values):.0f} to {max(values):.0f})"


def learned(values: np.ndarray) -> Reference:
    draw = np.random.default_rng(2)
    n = len(values)
    told = drift_reference(
        [f"f{c}" for c in range(values.shape[1])], [False] * values.shape[1], values, draw.integers(0, 24, n),
        draw.integers(0, 7, n), draw.integers(0, 56, n),
    )  # fmt: skip
    return read_reference(json.dumps(told).encode())


def folded(reference: Reference, rows: np.ndarray, bucket: int, partition: int) -> Register:
    register = Register(Key("predictions", partition, "c", "m", 1, bucket), reference.served, reference.fingerprint)
    register.fold(reference.served, rows, 0, bucket)
    return register


def weight(categories: int) -> int:
    """Bytes of a register of one feature of so many categories."""
    draw = np.random.default_rng(3)
    values = draw.integers(0, categories, (20_000, 1)).astype(float)
    zeros = np.zeros(20_000, np.int64)
    reference = read_reference(json.dumps(drift_reference(["leaf"], [True], values, zeros, zeros)).encode())
    register = Register(Key("predictions", 0, "c", "m", 1, 1), reference.served, reference.fingerprint)
    for start in range(0, 1_000_000, 100_000):
        register.fold(reference.served, np.arange(start, start + 100_000, dtype=float)[:, None], 0, 1)
    return len(register.to_bytes())


def run(quick: bool) -> dict:
    draw = np.random.default_rng(1)
    past = draw.gamma(2.0, 1.0, (5_000, COLUMNS))
    reference = learned(past)
    monitor = Monitor(reference, lambda bucket: (bucket // 288 % 7, bucket // 12 % 24))
    counting, whole = [], []
    ratios: dict[str, list[float]] = {"evidently": [], "nannyml": [], "adwin": []}
    per_value: dict[str, list[float]] = {"evidently": [], "nannyml": [], "adwin": []}
    for bucket in range(12):
        monitor.take(bucket, folded(reference, draw.gamma(2.0, 1.0, (ROWS, COLUMNS)), bucket, 0), None)
    with tempfile.TemporaryDirectory() as folder:
        held = pathlib.Path(folder) / "rows.npz"
        for round_ in range(1 if quick else 5):
            rows = draw.gamma(2.0, 1.0, (ROWS, COLUMNS))
            took = []
            for bucket in range(12 + 5 * round_, 17 + 5 * round_):
                begin = time.perf_counter()
                parts = [folded(reference, rows[p::PARTITIONS], bucket, p) for p in range(PARTITIONS)]
                middle = time.perf_counter()
                monitor.take(bucket, merged(parts), None)
                figures(monitor, 12)
                took.append((time.perf_counter() - begin, middle - begin))
            mine = sorted(took)[len(took) // 2]
            np.savez(held, reference=past, rows=rows)
            others = ask("speed", held)
            values = ROWS * COLUMNS
            whole.append(mine[0] / values * 1e9)
            counting.append(mine[1] / values * 1e9)
            for name, seconds in others.items():
                ratios[name].append(seconds / mine[0])
                per_value[name].append(seconds / mine[1])
    figures_ = {
        "judging_ns_per_value": float(np.median(whole)),
        "counting_ns_per_value": float(np.median(counting)),
        "register_bytes_1000_categories": weight(1_000),
        "register_bytes_20000_categories": weight(20_000),
    }
    for name in ratios:
        figures_[f"counting_times_faster_than_{name}"] = spread(per_value[name])
        figures_[f"judging_times_faster_than_{name}"] = spread(ratios[name])
    return {
        "name": "drift_speed",
        "what": f"judging {ROWS} rows of {COLUMNS} features",
        "peer": "Evidently (NannyML and ADWIN in the figures)",
        "ratios": per_value["evidently"],
        "aim": "at least 100 (Evidently, NannyML) and 10 (ADWIN) per value counted",
        "figures": figures_,
    }
