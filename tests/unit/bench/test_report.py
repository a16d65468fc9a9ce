"""The page on performance is made of what a run measured, and says what it did not measure."""

from __future__ import annotations

from bench import __main__, report, report_rows

MACHINE = {"cpus": 2, "python": "3.11.7"}


def document(*results):
    return {"at": "2026-01-01T00:00:00+00:00", "quick": False, "machine": MACHINE, "results": list(results)}


def test_a_row_without_a_measurement_says_so():
    text = report.page(document())
    assert text.count("not measured in this run") == len(report_rows.ROWS)
    assert "What the machine can do" not in text


def test_every_row_is_of_a_benchmark_that_the_page_is_written_from():
    assert {row.bench for row in report_rows.ROWS} | {row.bench for row in report_rows.MOVED} <= set(__main__.STREAMS)


def test_a_missed_promise_is_marked_with_its_figure():
    hops = {
        f"{hop}_{part}": 0.4 for hop in report.HOPS for part in ("mean_s", "share", "p99_s")
    } | {"p50_s": 1.5, "p99_s": 2.5, "p99_from_202_s": 2.4, "batches": 2000, "pings_per_s": 5000.0}  # fmt: skip
    text = report.page(document({"name": "event_hops", "ratios": [0.8, 0.79, 0.82], "figures": hops}))
    assert "| 0.8 (0.79 to 0.82) | **missed** | 2.50 s |" in text
    assert "| the quote | 0.400 s | 40% | 0.400 s |" in text


def test_a_path_is_shown_beside_what_the_machine_can_do():
    limits = {
        f"{name}{part}": 10.0 for name in report.LIMITS for part in ("", "_least", "_most")
    }  # fmt: skip
    cells = {"cells_million_per_s": 100.0, "leaves_million_per_s": 100.0}
    text = report.page(
        document({"name": "limits", "ratios": [], "figures": limits}, {"name": "cells", "ratios": [], "figures": cells})
    )
    assert "| degrees to cell | 24 an item (two doubles in, a code out), 2.4 GB/s | 24.0% of memory" in text
