"""Features of the live market around the pickup: levels of the window within a circle, area-weighted.

Each is the state at the end of the newest pane known at booking time. A city without the source for a gauge, and a
window that cannot be read, give missing: zero would say that there is no cab.
"""

from __future__ import annotations

from wayfare.domain.features.inputs import RADIUS_M, SurgeInputs


def _level(inputs: SurgeInputs, gauge: str) -> float | None:
    return None if inputs.window is None else inputs.window.within(gauge, inputs.pickup, RADIUS_M)


def cabs_available_5km(inputs: SurgeInputs) -> float | None:
    """Cabs free within 5 km of the pickup."""
    return _level(inputs, "cabs_available")


def cabs_dropping_off_5km(inputs: SurgeInputs) -> float | None:
    """Cabs on a trip that ends within 5 minutes and within 5 km of the pickup."""
    return _level(inputs, "cabs_dropping_off")


def requests_waiting_5km(inputs: SurgeInputs) -> float | None:
    """Requests opened and not yet matched, cancelled or expired within 5 km of the pickup."""
    return _level(inputs, "requests_waiting")
