import dataclasses
import json
import pathlib

import numpy as np
import pyarrow.parquet as pq

from pipelines.history import simulated
from wayfare.adapters.parquet_tables import TABLES
from wayfare.domain.city import City, CityClock, city_from_json
from wayfare.domain.times import parse_rfc3339

ROOT = pathlib.Path(__file__).parents[4]
SIM: City = city_from_json(json.loads((ROOT / "local" / "cities" / "sim.json").read_text()))
END = parse_rfc3339("2026-03-07T01:30:00Z")


def load(lake: pathlib.Path, **changes: object) -> simulated.Loaded:
    given = {"seed": 3, "days": 2, "trips": 400, "wall_ms": END + 5, "end_ms": END} | changes
    return simulated.load(lake, SIM, **given)


def rows(lake: pathlib.Path, table: str) -> list[pq.ParquetFile]:
    return [pq.ParquetFile(file) for file in sorted((lake / table / "city=sim").glob("day=*/*.parquet"))]


def test_a_history_is_written_by_local_day_in_the_tables_schemas_and_reused(tmp_path: pathlib.Path) -> None:
    first, second = load(tmp_path), load(tmp_path, end_ms=None)
    assert (first.reused, second.reused) == (False, True)
    for name in ("trips", "panes", "weather"):
        files = rows(tmp_path, name)
        assert sum(file.metadata.num_rows for file in files) == first.rows[name]
        assert all(file.schema_arrow.equals(TABLES[name]) for file in files)
    for path in (tmp_path / "trips" / "city=sim").glob("day=*/*.parquet"):
        started = pq.ParquetFile(path).read()["started_at_ms"].to_pylist()
        assert {SIM.local(ms).date().isoformat() for ms in started} == {path.parent.name.removeprefix("day=")}
    assert simulated.read_place_kinds(tmp_path, "sim")


def test_totals_of_panes_are_the_sums_of_their_counts(tmp_path: pathlib.Path) -> None:
    load(tmp_path)
    for file in rows(tmp_path, "panes"):
        table = file.read()
        sums = np.array([sum(counts) for counts in table["counts"].to_pylist()])
        np.testing.assert_array_equal(table["total"].to_numpy(), sums)
        assert len(sums) == 0 or sums.max() > 0


def test_another_seed_or_end_replaces_the_history_that_was_there(tmp_path: pathlib.Path) -> None:
    load(tmp_path)
    again = load(tmp_path, seed=4)
    assert not again.reused
    assert sum(file.metadata.num_rows for file in rows(tmp_path, "trips")) == again.rows["trips"]
    assert not load(tmp_path, seed=4, end_ms=END - 86_400_000).reused


def test_a_history_whose_files_are_gone_is_made_again(tmp_path: pathlib.Path) -> None:
    load(tmp_path)
    next((tmp_path / "panes" / "city=sim").glob("day=*/*.parquet")).unlink()
    assert not load(tmp_path).reused


def test_a_new_history_ends_where_the_citys_clock_begins_or_on_a_friday_evening() -> None:
    ticking = dataclasses.replace(SIM, clock=CityClock(wall_anchor_ms=END, city_anchor_ms=777_000_000))
    assert simulated.default_end_ms(ticking, END + 10**9) == 777_000_000
    assert simulated.default_end_ms(SIM, END) == END
    assert simulated.default_end_ms(SIM, END + 6 * 86_400_000) == END
    assert simulated.default_end_ms(SIM, END - 1) == END - 7 * 86_400_000
