"""What a front end needs of a surge artifact besides the network: features, tree, travel table and priors.

Loading verifies that this code computes exactly the features that the model was trained on: the definition hash of
every feature must equal the artifact's, and the golden requests must give the golden features.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wayfare.domain.city import City, city_from_json, city_to_json
from wayfare.domain.errors import ArtifactRefused, InvalidInput
from wayfare.domain.features.inputs import SurgeInputs
from wayfare.domain.features.sets import SURGE, Feature, vector
from wayfare.domain.geo import quadtree, travel
from wayfare.domain.geo.quadtree import QuadTree
from wayfare.domain.geo.travel import TravelTable
from wayfare.domain.models import priors as priors_file
from wayfare.domain.models.golden import features_of, first_difference, inputs_of, read_rows
from wayfare.domain.models.priors import Priors

SCHEMA = 1


@dataclass(frozen=True)
class SurgeBundle:
    """A verified set of features with what they need. tree_version: names the tree in a quote's lineage."""

    city: str
    features: tuple[Feature, ...]
    features_hash: str
    tree: QuadTree
    tree_version: str
    travel: TravelTable
    priors: Priors

    @property
    def feature_names(self) -> list[str]:
        """Names in the order of the network's input."""
        return [feature.name for feature in self.features]

    def vector(self, inputs: SurgeInputs) -> list[float]:
        """The features of one trip in the order of the network's input; NaN where missing."""
        return vector(self.features, inputs)

    def defaults(self, inputs: SurgeInputs, sources: Collection[str] | None = None) -> list[str]:
        """Names of the features that are missing because the city has no source for them.

        sources: what the city has (`City.sources`); without it every missing feature that needs a source is named.
        """
        return [
            feature.name
            for feature in self.features
            if feature.source is not None
            and (sources is None or feature.source not in sources)
            and _is_missing(feature.function(inputs))
        ]


def _is_missing(value: float | None) -> bool:
    return value is None or math.isnan(value)


def describe(features: Sequence[Feature], statistics: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ordered list of features in `features.json`: name, kind, source, definition hash, fitted statistics."""
    return [
        {
            "name": feature.name,
            "kind": feature.kind,
            "source": feature.source,
            "hash": feature.hash(),
            "meaning": (feature.function.__doc__ or "").strip(),
            "statistics": dict(statistics.get(feature.name, {})),
        }
        for feature in features
    ]


def hash_of(described: Sequence[Mapping[str, Any]]) -> str:
    """The one hash of an ordered list of features: what lineage calls `features_hash`."""
    essence = [[feature["name"], feature["kind"], feature["hash"]] for feature in described]
    return hashlib.sha256(json.dumps(essence).encode()).hexdigest()[:16]


def features_file(city: City, tree_version: str, described: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The content of `features.json`."""
    return {
        "schema": SCHEMA,
        # The clock belongs to an installation, not to the model.
        "city": city_to_json(city) | {"clock": None},
        "tree": tree_version,
        "hash": hash_of(described),
        "features": [dict(feature) for feature in described],
    }


def load_surge_bundle(read: Callable[[str], bytes]) -> SurgeBundle:
    """Load and verify an artifact's features. read: gives the bytes of a file of the artifact by name.

    Raises ArtifactRefused when a file is of another schema, a feature is unknown here or defined differently here, or
    a golden request does not give its golden features.
    """
    listed = _read_features(read("features.json"))
    known = {feature.name: feature for feature in SURGE}
    names = [entry["name"] for entry in listed["features"]]
    if unknown := [name for name in names if name not in known]:
        raise ArtifactRefused(f"the artifact uses features that this code does not define, got {unknown}")
    features = tuple(known[name] for name in names)
    for feature, entry in zip(features, listed["features"], strict=True):
        if (feature.hash(), feature.kind) != (entry["hash"], entry["kind"]):
            raise ArtifactRefused(
                f"feature {feature.name} is defined here by {feature.hash()} ({feature.kind}), "
                f"got {entry['hash']} ({entry['kind']}) in the artifact"
            )
    if listed["hash"] != hash_of(listed["features"]):
        raise ArtifactRefused(f"features.json does not have the hash that it names, got {listed['hash']}")
    city = _city(listed["city"])
    bundle = SurgeBundle(
        city=city.id,
        features=features,
        features_hash=listed["hash"],
        tree=quadtree.from_npz(read("tree.npz")),
        tree_version=listed["tree"],
        travel=travel.from_npz(read("travel.npz")),
        priors=priors_file.from_json(read("priors.json")),
    )
    _check_golden(bundle, city, read("golden.json"))
    return bundle


def _read_features(data: bytes) -> dict[str, Any]:
    try:
        listed = json.loads(data)
        if listed["schema"] != SCHEMA:
            raise ArtifactRefused(f"features.json must have schema {SCHEMA}, got {listed['schema']!r}")
        if not listed["features"] or not all(isinstance(listed[key], str) for key in ("tree", "hash")):
            raise ArtifactRefused(f"features.json names city, tree, hash and features, got {sorted(listed)}")
        for entry in listed["features"]:
            _ = entry["name"], entry["kind"], entry["hash"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactRefused(f"features.json cannot be read: {error!r}, got {data[:80]!r}") from error
    assert isinstance(listed, dict)
    return listed


def _city(raw: Any) -> City:
    try:
        return city_from_json(raw)
    except (InvalidInput, TypeError, AttributeError) as error:
        raise ArtifactRefused(f"features.json does not describe its city: {error}") from error


def _check_golden(bundle: SurgeBundle, city: City, data: bytes) -> None:
    for number, row in enumerate(read_rows(data)):
        try:
            expected, inputs = features_of(row), inputs_of(row, bundle.travel, bundle.tree, city)
            difference = first_difference(bundle.feature_names, expected, bundle.vector(inputs))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactRefused(f"row {number} of golden.json cannot be read: {error!r}", "golden") from error
        if difference:
            raise ArtifactRefused(f"row {number} of golden.json is not reproduced: {difference}", "golden")
