"""How many rows until a shift is found, by this and by others on the same streams, all set to the same false alarms.

A stream is one skewed feature (gamma of shape 2) of independent rows, 50 a look. Each detector's threshold is set so that at most
a tenth of the streams without a shift alarm within their length; then the shift begins after 5,000 rows, and the
delay is the median over streams. Evidently and NannyML judge chunks of 500 rows. The proven height (one false alarm a
week over all charts) is shown beside the matched one.
"""

from __future__ import annotations

import pathlib
import tempfile

import numpy as np
from scipy import stats

from bench.drift_environment import ask
from wayfare.domain.drift.sequential import Bank, threshold

SHIFTS = (0.1, 0.2, 0.5, 1.0)
LOOK, CHUNK, REFERENCE, BEGINS = 50, 500, 5_000, 5_000
NEVER = float("inf")


def streams(runs: int, length: int, seed: int = 1) -> tuple[np.ndarray, dict[float, np.ndarray]]:
    """A reference, and streams by shift (0 has none)."""
    draw = np.random.default_rng(seed)
    reference = (draw.gamma(2.0, 1.0, REFERENCE) - 2) / 2**0.5
    found = {}
    for shift in (0.0, *SHIFTS):
        values = (draw.gamma(2.0, 1.0, (runs, length)) - 2) / 2**0.5
        values[:, BEGINS:] += shift
        found[shift] = values
    return reference, found


def ours(reference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The path of the highest chart at each look: [runs, looks]. All runs are series of one bank that never alarms."""
    mean, variance = reference.mean(), reference.var()
    skewness = float(stats.skew(reference))
    runs = len(values)
    bank = Bank(runs, height=1e9)
    path = []
    effects = np.stack([np.zeros(runs), np.zeros(runs), np.full(runs, 1.0 / len(reference)), np.zeros(runs)])
    for look in range(values.shape[1] // LOOK):
        x = values[:, look * LOOK : (look + 1) * LOOK].mean(axis=1)
        full = np.full(runs, 1.0)
        bank.take(look, full * LOOK, x, full * mean, full * variance, full * skewness, effects)
        path.append(bank.evidence() * 1e9)
    return np.array(path).T


def windows(reference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """-log10 p of Kolmogorov-Smirnov between the newest 500 rows and the reference, at each look."""
    looks = range(CHUNK, values.shape[1] + 1, LOOK)
    return np.array(
        [
            [-np.log10(max(1e-300, stats.ks_2samp(run[at - CHUNK : at], reference).pvalue)) for at in looks]
            for run in values
        ]
    )


def delay(path: np.ndarray, height: float, step: int, first: int) -> float:
    """Median rows from the shift to the first value above the height after it; streams that alarmed before are left out."""
    ends = first + step * np.arange(path.shape[1])
    over = path > height
    clean = ~over[:, ends <= BEGINS].any(axis=1)
    found = [ends[row & (ends > BEGINS)][0] - BEGINS if (row & (ends > BEGINS)).any() else NEVER for row in over[clean]]
    return float(np.median(found)) if found else NEVER


def matched(null: np.ndarray) -> float:
    """The height that at most a tenth of the paths reaches."""
    return float(np.quantile(null.max(axis=1), 0.9, method="higher"))


def of_river(told: dict[float, list], lengths: int) -> dict[float, float]:
    """Delays of the most sensitive setting that keeps the false alarms."""
    rates = [np.mean([alarm > 0 for alarm in runs]) for runs in told[0.0]]
    kept = [at for at, rate in enumerate(rates) if rate <= 0.1]
    best = min(kept, key=lambda at: (-rates[at], at)) if kept else len(rates) - 1
    found = {}
    for shift in SHIFTS:
        rows = [NEVER if a < 0 else a - BEGINS for a in told[shift][best] if a < 0 or a > BEGINS]
        found[shift] = float(np.median(rows)) if rows else NEVER
    return found


def run(quick: bool) -> dict:
    runs, few, length = (20, 6, 15_000) if quick else (60, 20, 25_000)
    reference, by_shift = streams(runs, length)
    table: dict[str, dict[float, float]] = {}
    paths = {shift: ours(reference, values) for shift, values in by_shift.items()}
    height = matched(paths[0.0])
    table["wayfare"] = {shift: delay(paths[shift], height, LOOK, LOOK) for shift in SHIFTS}
    proven = threshold(charts=2_000)
    table["wayfare_proven_height"] = {shift: delay(paths[shift], proven, LOOK, LOOK) for shift in SHIFTS}
    some = {shift: values[:few] for shift, values in by_shift.items()}
    ks = {shift: windows(reference, values) for shift, values in some.items()}
    table["ks_windows"] = {shift: delay(ks[shift], matched(ks[0.0]), LOOK, CHUNK) for shift in SHIFTS}
    with tempfile.TemporaryDirectory() as folder:
        held = pathlib.Path(folder) / "streams.npz"
        told: dict[str, dict[float, list]] = {}
        for shift in (0.0, *SHIFTS):
            np.savez(held, reference=reference, streams=by_shift[shift])
            for name, alarms in ask("river", held, begins=BEGINS).items():
                told.setdefault(name, {})[shift] = alarms
            np.savez(held, reference=reference, streams=some[shift])
            for name in ("evidently", "nannyml"):
                told.setdefault(name, {})[shift] = ask(name, held, chunk=CHUNK)
    for name in ("ADWIN", "Page-Hinkley"):
        table[name] = of_river(told[name], length)
    for name in ("evidently", "nannyml"):
        heights = matched(np.array(told[name][0.0]))
        table[name] = {shift: delay(np.array(told[name][shift]), heights, CHUNK, CHUNK) for shift in SHIFTS}
    figures = {
        f"delay_rows_{name.lower().replace('-', '_')}_{shift:g}_sd": f"{rows:.0f}"
        if rows < NEVER
        else f"> {length - BEGINS}"
        for name, delays in table.items()
        for shift, rows in delays.items()
    }
    peers = [table[name] for name in ("ks_windows", "ADWIN", "Page-Hinkley", "evidently", "nannyml")]
    return {
        "name": "drift",
        "what": f"rows until a shift is found, by sd, {runs} streams (Evidently, NannyML, KS: {few})",
        "peer": "the fastest of KS windows, ADWIN, Page-Hinkley, Evidently, NannyML, at equal false alarms",
        "ratios": [min(min(peer[shift] for peer in peers), length) / table["wayfare"][shift] for shift in SHIFTS],
        "aim": "at least 1 at every shift: nobody is faster",
        "figures": figures,
    }
