"""The references of model versions, from their verified artifacts; each is read once."""

from __future__ import annotations

from collections.abc import Callable

from wayfare.domain.drift.columns import Reference
from wayfare.domain.drift.series import checked_reference
from wayfare.domain.errors import ArtifactRefused, InvalidInput
from wayfare.domain.geo import quadtree
from wayfare.domain.geo.cells import quadkey
from wayfare.domain.models.artifact import Artifacts
from wayfare.domain.models.signed import Trusted

AGAIN_SECONDS = 60.0
MOST_KEPT = 64


class ArtifactReferences:
    """See the module. A version without a usable reference is asked for again after a minute."""

    def __init__(self, artifacts: Artifacts, trusted: Trusted, monotonic: Callable[[], float]) -> None:
        self._artifacts, self._trusted, self._monotonic = artifacts, trusted, monotonic
        self._known: dict[tuple[str, int], Reference] = {}
        self._missing: dict[tuple[str, int], tuple[float, str]] = {}
        self._cells: dict[tuple[str, int], dict[str, str]] = {}

    def of(self, model: str, version: int) -> Reference | None:
        """The reference; None where there is none, and `why` tells the reason. StoreUnavailable: ask again."""
        at = (model, version)
        if at in self._known:
            return self._known[at]
        if at in self._missing and self._monotonic() - self._missing[at][0] < AGAIN_SECONDS:
            return None
        try:
            artifact = self._artifacts.open(model, version, self._trusted)
            self._bound()
            self._known[at] = checked_reference(artifact.read("drift_reference.json"))
        except (ArtifactRefused, InvalidInput) as error:
            self._missing[at] = (self._monotonic(), str(error))
            return None
        return self._known[at]

    def why(self, model: str, version: int) -> str:
        """Why a version has no reference."""
        return self._missing.get((model, version), (0.0, "its reference was not looked for yet"))[1]

    def labelled(self, model: str, label: str = "stable") -> int | None:
        """The version that a label names; None without one. StoreUnavailable or ArtifactRefused when that cannot be told."""
        return self._artifacts.labels(model, self._trusted).get(label)

    def cells(self, model: str, version: int) -> dict[str, str]:
        """From a leaf's number in the model's tree to its quadkey; empty where there is no tree."""
        at = (model, version)
        if at not in self._cells:
            try:
                tree = quadtree.from_npz(self._artifacts.open(model, version, self._trusted).read("tree.npz"))
            except (ArtifactRefused, InvalidInput):
                return {}
            nodes = zip(tree.cell.tolist(), tree.level.tolist(), strict=True)
            self._bound()
            self._cells[at] = {str(node): quadkey(cell, level) for node, (cell, level) in enumerate(nodes)}
        return self._cells[at]

    def _bound(self) -> None:
        for kept in (self._known, self._missing, self._cells):
            while len(kept) >= MOST_KEPT:
                kept.pop(next(iter(kept)))
