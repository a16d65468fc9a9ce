"""Features of the places: leaves of the adaptive quad-tree, and what kind of place the pickup is."""

from __future__ import annotations

from wayfare.domain.features.inputs import PLACE_KINDS, SurgeInputs


def pickup_leaf(inputs: SurgeInputs) -> float | None:
    """Node of the artifact's quad-tree that answers for the pickup; a number without order, never missing."""
    return inputs.tree.leaf(inputs.pickup.lat, inputs.pickup.lon)


def dropoff_leaf(inputs: SurgeInputs) -> float | None:
    """Node of the artifact's quad-tree that answers for the drop-off; a number without order, never missing."""
    return inputs.tree.leaf(inputs.dropoff.lat, inputs.dropoff.lon)


def pickup_place_kind(inputs: SurgeInputs) -> float | None:
    """Position in `PLACE_KINDS` of the kind of place at the pickup; missing where no kind, or a new one, is known."""
    kind = inputs.place_kind
    return PLACE_KINDS.index(kind) if kind in PLACE_KINDS else None
