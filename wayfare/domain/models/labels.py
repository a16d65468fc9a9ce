"""Which trips may teach a model what a multiplier should be: prices do not teach themselves."""

from __future__ import annotations

SEMI_SYNTHETIC = "rule:semi-synthetic"
"""Price source of multipliers that a rule gave to real trips which were recorded without prices."""


def teaches(price_source: str | None) -> bool:
    """True for a multiplier that a rule or a person set, or whose source an import did not tell.

    A model's price (and what stood in for it, or an experiment's arm) is an outcome to be measured, not a label.

    >>> [teaches(source) for source in ("rule", "rule:semi-synthetic", None, "model:surge-sf:1", "prior:cell")]
    [True, True, True, False, False]
    """
    return price_source is None or price_source.split(":", 1)[0] in {"rule", "recorded"}
