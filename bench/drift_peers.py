"""Runs in the peers' own environment: detectors of others over stored streams. Answers JSON on its last line."""

from __future__ import annotations

import json
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")
ADWIN = [10.0**-k for k in range(1, 13)]
PAGE_HINKLEY = [10.0 * 1.5**k for k in range(16)]


def first_alarms(stream: np.ndarray, make) -> int:
    """Number of values until the detector speaks first; -1 when it never does."""
    detector = make()
    for at, value in enumerate(stream.tolist()):
        detector.update(value)
        if detector.drift_detected:
            return at + 1
    return -1


def river(streams: np.ndarray, begins: int) -> dict:
    """First alarms by setting, of each stream: over the values before the change, and over all."""
    from river import drift

    makers = {"ADWIN": [(lambda d=d: drift.ADWIN(delta=d)) for d in ADWIN]}
    makers["Page-Hinkley"] = [(lambda t=t: drift.PageHinkley(threshold=t, delta=0.005)) for t in PAGE_HINKLEY]
    return {name: [[first_alarms(s, make) for s in streams] for make in each] for name, each in makers.items()}


def evidently(reference: np.ndarray, streams: np.ndarray, chunk: int) -> list:
    import pandas as pd
    from evidently import Report
    from evidently.metrics import ValueDrift

    ref = pd.DataFrame({"x": reference})
    found = []
    for stream in streams:
        path = []
        for at in range(chunk, len(stream) + 1, chunk):
            now = pd.DataFrame({"x": stream[at - chunk : at]})
            done = Report([ValueDrift(column="x", method="ks")]).run(now, ref).dict()
            path.append(-np.log10(max(1e-300, float(done["metrics"][0]["value"]))))
        found.append(path)
    return found


def nannyml(reference: np.ndarray, streams: np.ndarray, chunk: int) -> list:
    import nannyml as nml
    import pandas as pd

    calculator = nml.UnivariateDriftCalculator(
        column_names=["x"], chunk_size=chunk, continuous_methods=["kolmogorov_smirnov"]
    )
    calculator.fit(pd.DataFrame({"x": reference}))
    found = []
    for stream in streams:
        done = calculator.calculate(pd.DataFrame({"x": stream})).filter(period="analysis").to_df()
        found.append([float(v) for v in done[("x", "kolmogorov_smirnov", "value")]])
    return found


def speed(reference: np.ndarray, rows: np.ndarray) -> dict:
    """Seconds to judge these rows of many columns once, by each; of the second time, when all is imported."""
    import nannyml as nml
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset
    from river import drift

    names = [f"f{n}" for n in range(rows.shape[1])]
    ref, now = pd.DataFrame(reference, columns=names), pd.DataFrame(rows, columns=names)
    calculator = nml.UnivariateDriftCalculator(
        column_names=names, chunk_size=len(rows), continuous_methods=["kolmogorov_smirnov"]
    )
    calculator.fit(ref)

    # A detector that has run for a while, as in service.
    warm = [drift.ADWIN() for _ in range(5)]
    for detector, column in zip(warm, reference.T[:5], strict=True):
        for value in np.tile(column, 4).tolist():
            detector.update(value)

    def adwin() -> None:
        for detector, column in zip(warm, rows.T[:5], strict=True):
            for value in column.tolist():
                detector.update(value)

    def timed(work) -> float:
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin

    found = {}
    for name, work, share in (
        ("evidently", lambda: Report([DataDriftPreset()]).run(now, ref).dict(), 1.0),
        ("nannyml", lambda: calculator.calculate(now).filter(period="analysis").to_df(), 1.0),
        ("adwin", adwin, 5 / rows.shape[1]),
    ):
        work()
        found[name] = timed(work) / share
    return found


def main() -> None:
    what, path, more = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    held = np.load(path)
    if what == "river":
        answer = river(held["streams"], more["begins"])
    elif what == "speed":
        answer = speed(held["reference"], held["rows"])
    else:
        answer = {"evidently": evidently, "nannyml": nannyml}[what](held["reference"], held["streams"], more["chunk"])
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
