"""Whether a release's figures are held: what counts as worse, and what cannot be compared."""

from __future__ import annotations

import json

import pytest

from bench import compare


def results(ratios, quick=False):
    listed = [{"name": name, "ratios": values} for name, values in ratios.items()]
    return {"at": "2026-01-01T00:00:00+00:00", "machine": {"cpus": 2}, "quick": quick, "results": listed}


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        ([2.0, 2.1, 1.9], [2.0, 2.2, 1.8], "as before"),
        ([2.0, 2.1, 1.9], [1.69, 1.68, 1.7], "worse"),
        ([2.0, 2.1, 1.9], [1.75, 1.75, 1.75], "as before"),
        ([2.0, 2.1, 1.5], [1.6, 1.6, 1.6], "as before"),
        ([2.0, 2.1, 1.9], [2.5, 2.5, 2.5], "better"),
        ([2.0], [], "missing"),
        ([], [2.0], "new"),
        ([], [], "as before"),
    ],
)
def test_a_median_is_worse_when_it_falls_by_more_than_the_tolerance_and_below_all_that_was_seen(before, now, verdict):
    assert compare.judge(before, now) == verdict


def test_a_benchmark_that_vanished_is_missing_and_one_that_came_is_new():
    rows = compare.compare(results({"a": [1.0], "b": [1.0]}), results({"b": [1.0], "c": [3.0]}))
    assert [(row.name, row.before, row.now, row.verdict) for row in rows] == [
        ("a", 1.0, None, "missing"),
        ("b", 1.0, 1.0, "as before"),
        ("c", None, 3.0, "new"),
    ]


@pytest.mark.parametrize(
    ("now", "status"), [({"a": [2.0]}, 0), ({"a": [1.0]}, 1), ({"a": []}, 1), ({"a": [9.0], "b": [1.0]}, 0)]
)
def test_the_exit_status_says_whether_anything_is_worse(tmp_path, capsys, now, status):
    for name, document in (("before", results({"a": [2.0, 2.1, 1.9]})), ("now", results(now))):
        (tmp_path / name).write_text(json.dumps(document))
    assert compare.main([str(tmp_path / "before"), str(tmp_path / "now")]) == status
    assert ("worse" in capsys.readouterr().out) == (now == {"a": [1.0]})


def test_what_cannot_be_compared_is_neither_good_nor_bad(tmp_path, capsys):
    (tmp_path / "full").write_text(json.dumps(results({"a": [1.0]})))
    (tmp_path / "quick").write_text(json.dumps(results({"a": [1.0]}, quick=True)))
    (tmp_path / "other").write_text("[]")
    for before in ("quick", "other", "nowhere"):
        assert compare.main([str(tmp_path / before), str(tmp_path / "full")]) == 2
        assert "bench.compare: " in capsys.readouterr().err
