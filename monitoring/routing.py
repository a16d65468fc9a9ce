"""Alertmanager: a page wakes somebody, a ticket waits; what explains a page keeps it from waking anybody twice."""

from __future__ import annotations

from typing import Any

from monitoring.rule import DAY, HOUR, MINUTE, Windows

PAGE, TICKET = "page", "ticket"

EXPLAINS = {
    "QuotesUnknown": ("QuotesFail", "QuotesSlow", "QuotesStopped", "QuotesDegraded", "WindowStale", "BookingsFail"),
    "EventsUnknown": ("EventsFail", "WindowStale", "QuotesDegraded"),
    "EventsFail": ("WindowStale", "QuotesDegraded"),
    "PanesUnknown": ("PanesWrong",),
    "WindowStale": ("QuotesDegraded", "PanesUnknown"),
    "QuotesFail": ("QuotesSlow",),
}
"""While the first pages, the others say nothing new: they follow from it."""


def configuration(scale: float = 1.0) -> dict[str, Any]:
    """alertmanager.yml without a receiver that sends: who is woken, and how, is the installation's business."""
    span = Windows(scale).of

    def route(receiver: str, wait_s: int, interval_s: int, repeat_s: int) -> dict[str, Any]:
        return {
            "receiver": receiver,
            "matchers": [f'severity="{receiver}"'],
            "group_by": ["alertname", "city"],
            "group_wait": span(wait_s),
            "group_interval": span(interval_s),
            "repeat_interval": span(repeat_s),
        }

    def inhibited(source: str, target: str, equal: list[str]) -> dict[str, Any]:
        return {"source_matchers": [source], "target_matchers": [target], "equal": equal}

    explained = [
        {
            "source_matchers": ['severity="page"', f'alertname="{source}"'],
            "target_matchers": ['severity="page"', f'alertname=~"{"|".join(targets)}"'],
        }
        for source, targets in EXPLAINS.items()
    ]
    return {
        # What carries no severity is not of these rules; nothing is dropped silently, so it is a ticket.
        "route": {
            "receiver": TICKET,
            "group_by": ["alertname"],
            "routes": [route(PAGE, 30, 5 * MINUTE, 4 * HOUR), route(TICKET, 5 * MINUTE, HOUR, 3 * DAY)],
        },
        "receivers": [{"name": PAGE}, {"name": TICKET}],
        "inhibit_rules": [inhibited('severity="page"', 'severity="ticket"', ["alertname", "city"]), *explained],
    }
