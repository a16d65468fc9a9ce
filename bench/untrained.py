"""Writes and releases an untrained surge model: the real network, features and files, without the hours of history.

`python -m bench.untrained CITY_FILE STORE_URL TRAINER_PEM`; run in a process of its own, because it imports TensorFlow.
"""

from __future__ import annotations

import datetime as dt
import json
import pathlib
import sys
import tempfile

import numpy as np

from pipelines.surge import model
from wayfare.adapters.ed25519_signing import Signer
from wayfare.adapters.fsspec_artifacts import ArtifactStore
from wayfare.domain.city import City, Place, city_from_json
from wayfare.domain.features.inputs import RiderHistory, SurgeInputs, Weather
from wayfare.domain.features.sets import SURGE, vector
from wayfare.domain.geo import quadtree, travel
from wayfare.domain.geo.cells import cells_of
from wayfare.domain.models import golden, priors
from wayfare.domain.models.surge_bundle import describe, features_file
from wayfare.domain.pricing.surge import LEVELS
from wayfare.domain.streams.window import ArchivedWindow

TRIPS = 20_000
ROWS = 64


def write(city: City, store: ArtifactStore, signer: Signer) -> int:
    """Write and release the model `surge-<city>`; its version."""
    draw = np.random.default_rng(7)
    lat, lon, lat2, lon2 = (
        center + draw.normal(0.0, 0.015, TRIPS) for center in (city.center.lat, city.center.lon) * 2
    )
    hours = draw.integers(0, 24, TRIPS)
    tree = quadtree.build(lat, lon)
    road = draw.uniform(500, 9_000, TRIPS)
    table = travel.learn((lat, lon), (lat2, lon2), hours, road, road / 6, draw.uniform(60, 400, TRIPS))
    usual = priors.learn(cells_of(lat, lon), hours, draw.choice(LEVELS[:3], TRIPS))
    witnesses = []
    for row in range(ROWS):
        cells = np.unique(cells_of(lat[row * 50 : row * 50 + 50], lon[row * 50 : row * 50 + 50]))
        counts = {
            gauge: (cells, draw.integers(1, 9, len(cells)).astype(np.uint32))
            for gauge in ("cabs_available", "cabs_dropping_off", "requests_waiting")
        }
        inputs = SurgeInputs(
            Place(lat[row], lon[row]),
            Place(lat2[row], lon2[row]),
            int(hours[row]),
            row % 7,
            table,
            tree,
            ArchivedWindow.from_counts(counts, city),
            RiderHistory(row, 28, {1.0: row}, {}) if row % 3 else None,
            Weather(12.0, row % 4, 0.7, 3.0),
            "office" if row % 2 else None,
        )
        witnesses.append((inputs, counts, vector(SURGE, inputs)))
    values = np.array([features for _, _, features in witnesses])
    statistics = model.fit_statistics(SURGE, values)
    network = model.build(SURGE, statistics, tree.paths(), model.Shape((64, 32), 0.2, 1e-3, 256, 1, 7))
    serve = model.serving_function(network, len(SURGE))
    answers = model.predict(serve, values)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model.export(network, serve, folder / "saved_model")
        (folder / "tree.npz").write_bytes(tree.to_npz())
        (folder / "travel.npz").write_bytes(table.to_npz())
        listed = features_file(city, f"{city.id}-{tree.version()}", describe(SURGE, statistics))
        rows = [
            golden.to_row(inputs, counts, features, at_least)
            for (inputs, counts, features), at_least in zip(witnesses, answers.tolist(), strict=True)
        ]
        for file, content in (("features", listed), ("priors", usual.to_json()), ("golden", rows)):
            (folder / f"{file}.json").write_text(json.dumps(content))
        version = store.write(
            f"surge-{city.id}",
            dt.datetime.now(dt.UTC).date(),
            folder,
            data_snapshot="untrained",
            code_commit="untrained",
            parameters={},
            metrics={},
            signer=signer,
        )
    store.write_releases(f"surge-{city.id}", {"stable": version}, signer)
    return version


def main() -> None:
    """Entry point."""
    city_file, store_url, trainer = sys.argv[1:]
    city = city_from_json(json.loads(pathlib.Path(city_file).read_text()))
    print(write(city, ArtifactStore(store_url), Signer(pathlib.Path(trainer))))


if __name__ == "__main__":
    main()
