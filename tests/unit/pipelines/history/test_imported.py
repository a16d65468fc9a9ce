import csv
import json
import pathlib

import pyarrow as pa
import pyarrow.csv as pv
import pyarrow.parquet as pq
import pytest

from pipelines.history.imported import import_trips
from wayfare.domain.city import City, city_from_json
from wayfare.domain.errors import InvalidInput

ROOT = pathlib.Path(__file__).parents[4]
SIM: City = city_from_json(json.loads((ROOT / "local" / "cities" / "sim.json").read_text()))
NOW = 1_772_000_000_000
HOUR = 3_600_000


def row(number: int, **changes: object) -> dict[str, object]:
    start = NOW - 48 * HOUR + number * 60_000
    return {
        "trip_id": f"mine-{number}", "pickup_lat": 37.775, "pickup_lon": -122.42, "dropoff_lat": 37.76,
        "dropoff_lon": -122.40, "started_at_ms": start, "ended_at_ms": start + 600_000, "rider_id": "r-1",
        "distance_m": 3200, "surge_multiplier": 1.25, "base_fare_minor": 900, "total_fare_minor": 1125,
    } | changes  # fmt: skip


BAD = {
    "place": {"pickup_lat": 0.0, "pickup_lon": 0.0},
    "fare": {"base_fare_minor": -900},
    "distance": {"distance_m": 579_473_000},
    "time": {"started_at_ms": 3_471_292_800_000, "ended_at_ms": 3_471_293_400_000},
    "multiplier": {"surge_multiplier": 1.3},
    "duplicate": {"trip_id": "mine-0"},
    "missing": {"ended_at_ms": None},
}


def written(tmp_path: pathlib.Path, kind: str, rows: list[dict[str, object]]) -> pathlib.Path:
    table, path = pa.Table.from_pylist(rows), tmp_path / f"trips.{kind}"
    if kind == "csv":
        pv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return path


def accepted(lake: pathlib.Path) -> list[str]:
    files = (lake / "trips" / "city=sim").glob("day=*/*.parquet")
    return sorted(trip for file in files for trip in pq.ParquetFile(file).read()["trip_id"].to_pylist())


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_bad_rows_are_counted_by_reason_and_kept_apart_and_none_is_lost(tmp_path: pathlib.Path, kind: str) -> None:
    rows = [row(n) for n in range(10)] + [row(100 + n, **change) for n, change in enumerate(BAD.values())]
    done = import_trips(written(tmp_path, kind, rows), tmp_path / "lake", SIM, NOW)
    assert (done.read, done.accepted, done.rejected) == (17, 10, 7)
    assert done.by_reason == dict.fromkeys(BAD, 1)
    assert accepted(tmp_path / "lake") == sorted(f"mine-{n}" for n in range(10))
    assert done.rejected_file is not None
    with done.rejected_file.open() as file:
        kept = list(csv.DictReader(file))
    assert [line["reasons"] for line in kept] == list(BAD)
    assert kept[2]["distance_m"] == "579473000"


def test_a_value_that_is_no_number_rejects_its_row_and_not_the_file(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, "csv", [row(n) for n in range(3)])
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace("3200", "far")
    path.write_text("\n".join(lines) + "\n")
    done = import_trips(path, tmp_path / "lake", SIM, NOW)
    assert (done.accepted, done.by_reason) == (2, {"type": 1})


def test_a_file_imported_twice_is_there_once(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path, "parquet", [row(n) for n in range(5)])
    first = import_trips(path, tmp_path / "lake", SIM, NOW)
    second = import_trips(path, tmp_path / "lake", SIM, NOW)
    assert (first.reused, second.reused) == (False, True)
    assert len(accepted(tmp_path / "lake")) == 5


def test_a_file_whose_rows_are_all_bad_is_all_rejected(tmp_path: pathlib.Path) -> None:
    done = import_trips(written(tmp_path, "csv", [row(1, wait_s=-3)]), tmp_path / "lake", SIM, NOW)
    assert (done.read, done.accepted, done.rejected) == (1, 0, 1)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("trips.parquet", b"no parquet", "Parquet"),
        ("trips.csv", b"trip_id,pickup_lat\na,1\n", "missing"),
        ("trips.csv", b"trip_id,multiplyer\na,1\n", "multiplyer"),
    ],
)
def test_a_file_that_is_not_of_trips_is_refused_with_a_reason(
    tmp_path: pathlib.Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=said):
        import_trips(tmp_path / name, tmp_path / "lake", SIM, NOW)
