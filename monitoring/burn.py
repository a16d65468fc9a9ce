"""Alerts on how fast an objective's error budget burns, over a long and a short window at once.

At burn rate 1 the budget of 30 days lasts 30 days. A page when 2 % of it are gone in an hour, or 5 % in six; a ticket
for 10 % in a day, or in three. The long window keeps a blip from paging, the short one ends the alert soon after the trouble,
and a page ends when the last five minutes were well
(Beyer and others: The Site Reliability Workbook, 2018, chapter 5, table 5-8).
"""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.rule import DAY, HOUR, MINUTE, Alert, Recording, Severity, Windows
from monitoring.slos import OBJECTIVES, Objective

RECORD = "objective:bad:ratio_rate"


@dataclass(frozen=True, slots=True)
class Burn:
    """A budget that burns this many times too fast over both windows."""

    rate: float
    long_s: int
    short_s: int
    severity: Severity


BURNS = (
    Burn(14.4, HOUR, 5 * MINUTE, "page"),
    Burn(6.0, 6 * HOUR, 30 * MINUTE, "page"),
    Burn(3.0, DAY, 2 * HOUR, "ticket"),
    Burn(1.0, 3 * DAY, 6 * HOUR, "ticket"),
)
SPANS = sorted({span for burn in BURNS for span in (burn.long_s, burn.short_s)})


def name_of(span_s: int) -> str:
    """The recorded ratio of a span.

    >>> name_of(5 * MINUTE)
    'objective:bad:ratio_rate5m'
    """
    return RECORD + Windows().of(span_s)


def ratios(windows: Windows) -> list[Recording]:
    """The share of bad events of each objective over each span; no value where there was no event."""
    return [
        Recording(
            name_of(span),
            f"{objective.bad(windows.of(span))} / ({objective.total(windows.of(span))} > 0)",
            f"Share of bad events over {Windows().of(span)}.",
            {"objective": objective.key},
        )
        for objective in OBJECTIVES
        for span in SPANS
    ]


def _burns(objective: Objective, burn: Burn, windows: Windows) -> str:
    limit = f"{burn.rate * objective.budget:g}"
    chosen = f'{{objective="{objective.key}"}}'
    long = windows.of(burn.long_s)
    # In a quiet hour one failure is a large share: without this, so many are not yet a reason to wake somebody.
    enough = f"({objective.bad(long)} * {burn.long_s / windows.scale:g} >= {objective.least})"
    # Whoever is woken finds it going on: half an hour of the past alone is no reason.
    spans = [burn.long_s, burn.short_s, *([5 * MINUTE] if burn.severity == "page" else [])]
    over = " and ".join(f"{name_of(span)}{chosen} > {limit}" for span in dict.fromkeys(spans))
    return f"({over}) and on () {enough}"


def alerts(windows: Windows) -> list[Alert]:
    """Two of each objective: a page for a fast burn, a ticket for a slow one; both have one runbook."""
    made = []
    for objective in OBJECTIVES:
        for severity in ("page", "ticket"):
            chosen = [burn for burn in BURNS if burn.severity == severity]
            spans = " or ".join(f"{Windows().of(burn.long_s)} and {Windows().of(burn.short_s)}" for burn in chosen)
            made.append(
                Alert(
                    objective.name,
                    " or ".join(_burns(objective, burn, windows) for burn in chosen),
                    severity,
                    f"{objective.felt} {{{{ $value | humanizePercentage }}}} of events are bad, "
                    f"{objective.budget:.1%} may be.",
                    f"The error budget of {objective.key} ({objective.share:.1%} over 30 days) burns "
                    f"{min(burn.rate for burn in chosen):g} times too fast or faster, over {spans}.",
                    labels={"objective": objective.key},
                )
            )
    return made
