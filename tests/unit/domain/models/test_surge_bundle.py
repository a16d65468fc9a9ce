import json
import math
import pathlib

import numpy as np
import pytest

from wayfare.domain.city import City, Place, city_from_json
from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.features import rider
from wayfare.domain.features.inputs import RiderHistory, SurgeInputs, Weather
from wayfare.domain.features.sets import SURGE, vector
from wayfare.domain.geo import quadtree, travel
from wayfare.domain.geo.cells import cells_of
from wayfare.domain.models import golden, priors
from wayfare.domain.models.surge_bundle import SurgeBundle, describe, features_file, load_surge_bundle
from wayfare.domain.streams.window import ArchivedWindow

ROOT = pathlib.Path(__file__).parents[4]
SIM: City = city_from_json(json.loads((ROOT / "local" / "cities" / "sim.json").read_text()))


def artifact() -> dict[str, bytes]:
    """The files of an artifact that a front end reads, with three golden rows."""
    rng = np.random.default_rng(4)
    lat, lon, lat2, lon2 = rng.uniform([[37.74], [-122.45], [37.74], [-122.45]], [[37.79], [-122.39]] * 2, (4, 3000))
    tree = quadtree.build(lat, lon, 100, 10)
    table = travel.learn(
        (lat, lon),
        (lat2, lon2),
        rng.integers(0, 24, 3000),
        np.full(3000, 4e3),
        np.full(3000, 600.0),
        np.full(3000, 90.0),
    )
    cells = np.unique(cells_of(lat, lon))[:50]
    counts = {gauge: (cells, rng.integers(1, 5, 50)) for gauge in ("cabs_available", "requests_waiting")}
    history = RiderHistory(3, 28, {1.0: 2, 1.25: 1}, {rider.pair_key(lat[1], lon[1], lat2[1], lon2[1]): 2})
    rows = []
    for number, (window, who, weather, kind) in enumerate(
        [(None, None, None, None), (counts, history, Weather(14.0, 0.5, 0.7, 3.0), "pub"), (counts, None, None, None)]
    ):
        inputs = SurgeInputs(
            Place(lat[number], lon[number]), Place(lat2[number], lon2[number]), 8 + number, number, table, tree,
            None if window is None else ArchivedWindow.from_counts(window, SIM), who, weather, kind,
        )  # fmt: skip
        rows.append(golden.to_row(inputs, window, vector(SURGE, inputs), [1.0, 0.6, 0.3, 0.2, 0.1, 0.0, 0.0]))
    listed = features_file(SIM, "sim-test", describe(SURGE, {}))
    return {
        "features.json": json.dumps(listed).encode(),
        "tree.npz": tree.to_npz(),
        "travel.npz": table.to_npz(),
        "priors.json": json.dumps(priors.learn(cells, np.full(50, 9), np.full(50, 1.5)).to_json()).encode(),
        "golden.json": json.dumps(rows, allow_nan=False).encode(),
    }


FILES = artifact()


def load(**changes: bytes) -> SurgeBundle:
    return load_surge_bundle((FILES | {name.replace("_", "."): data for name, data in changes.items()}).__getitem__)


def test_a_bundle_loads_and_computes_what_the_golden_rows_say() -> None:
    bundle = load()
    assert (bundle.city, bundle.tree_version) == ("sim", "sim-test")
    assert bundle.feature_names == [feature.name for feature in SURGE]
    row = json.loads(FILES["golden.json"])[1]
    found = bundle.vector(golden.inputs_of(row, bundle.travel, bundle.tree, SIM))
    assert golden.first_difference(bundle.feature_names, golden.features_of(row), found) is None
    assert found[bundle.feature_names.index("rider_pair_bookings_30d")] == 2.0
    assert found[bundle.feature_names.index("cabs_available_5km")] > 0
    assert math.isnan(found[bundle.feature_names.index("cabs_dropping_off_5km")])


def test_defaults_name_what_the_city_has_no_source_for_and_not_what_failed() -> None:
    bundle = load()
    row = json.loads(FILES["golden.json"])[0]
    inputs = golden.inputs_of(row, bundle.travel, bundle.tree, SIM)
    assert set(bundle.defaults(inputs)) == {feature.name for feature in SURGE if feature.source}
    without_weather = bundle.defaults(inputs, SIM.sources - {"weather"})
    assert without_weather == ["rain_mm", "temperature_c", "humidity", "wind_ms"]


def test_a_feature_defined_otherwise_is_refused() -> None:
    listed = json.loads(FILES["features.json"])
    listed["features"][5]["hash"] = "0" * 16
    with pytest.raises(ArtifactRefused, match="cabs_available_5km is defined here"):
        load(features_json=json.dumps(listed).encode())


def test_a_change_of_code_makes_an_old_artifact_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rider, "PAIR_LEVEL", 14)
    with pytest.raises(ArtifactRefused, match="rider_pair_bookings_30d"):
        load()


def test_a_feature_that_this_code_does_not_know_is_refused() -> None:
    listed = json.loads(FILES["features.json"])
    listed["features"][0]["name"] = "phase_of_the_moon"
    with pytest.raises(ArtifactRefused, match="phase_of_the_moon"):
        load(features_json=json.dumps(listed).encode())


def test_a_golden_row_that_is_not_reproduced_is_refused_and_named() -> None:
    rows = json.loads(FILES["golden.json"])
    rows[1]["features"][0] += 1.0
    with pytest.raises(ArtifactRefused, match="row 1 .* est_distance_m") as refused:
        load(golden_json=json.dumps(rows).encode())
    assert refused.value.reason == "golden"


def test_another_tree_than_the_golden_rows_were_made_with_is_refused() -> None:
    other = quadtree.build(np.linspace(37.7, 37.8, 3000), np.linspace(-122.5, -122.4, 3000), 20, 5)
    with pytest.raises(ArtifactRefused, match="leaf"):
        load(tree_npz=other.to_npz())


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("features_json", b"{}"), ("features_json", b"[]"), ("features_json", b"nope"), ("golden_json", b"[]"),
        ("golden_json", b'[{"request": 1}]'), ("priors_json", b"{}"), ("tree_npz", b""), ("travel_npz", b"zip"),
    ],
)  # fmt: skip
def test_files_that_are_not_what_they_should_be_are_refused(name: str, data: bytes) -> None:
    with pytest.raises(ArtifactRefused):
        load(**{name: data})


def test_the_order_of_features_is_part_of_their_hash() -> None:
    listed = json.loads(FILES["features.json"])
    listed["features"] = listed["features"][::-1]
    with pytest.raises(ArtifactRefused, match="does not have the hash"):
        load(features_json=json.dumps(listed).encode())
