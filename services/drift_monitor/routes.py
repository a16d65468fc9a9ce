"""The routes of drift_monitor."""

from __future__ import annotations

from services.drift_monitor.bodies import Detail, Overview, detail_of, drift_of
from services.drift_monitor.telling import Telling, Told
from wayfare.domain.callers import Role
from wayfare.domain.drift.page import CONTENT_POLICY, page
from wayfare.runtime.web.problems import Refusal
from wayfare.runtime.web.routes import Answer, Call, Route

ROLES: frozenset[Role] = frozenset({"operator", "service"})
HTML = "text/html; charset=utf-8"


def routes(telling: Telling) -> list[Route]:
    """Every route of this service."""
    own = _Handlers(telling)
    return [
        Route(
            method="GET",
            path="/v1/drift",
            handler=own.overview,
            roles=ROLES,
            summary="State of every model's drift checks",
            answers={200: Overview},
        ),
        Route(
            method="GET",
            path="/v1/drift/{model}",
            handler=own.detail,
            roles=ROLES,
            summary="One model's drift checks, with the figures of its last hour and day",
            answers={200: Detail},
            problems=frozenset({404}),
        ),
        Route(
            method="GET",
            path="/v1/drift/{model}/report",
            handler=own.report,
            roles=ROLES,
            summary="One model's drift as a page to read: distributions, features, cells, since when",
            answers={200: None},
            media_types={200: HTML},
            problems=frozenset({404}),
        ),
    ]


class _Handlers:
    def __init__(self, telling: Telling) -> None:
        self._telling = telling

    def overview(self, call: Call) -> Answer:
        mine = [told for told in self._telling.models() if call.caller.city in (None, told.city)]
        return Answer(200, Overview(models=[drift_of(told) for told in mine]))

    def detail(self, call: Call) -> Answer:
        return Answer(200, Detail(models=[detail_of(told) for told in self._of(call)]))

    def report(self, call: Call) -> Answer:
        shown = [(told.city, told.model, told.version, told.checks, told.judgement) for told in self._of(call)]
        cells = {told.city: self._telling.cells(told) for told in self._of(call)}
        headers = {
            "Content-Security-Policy": CONTENT_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
        return Answer(200, page(shown, cells).encode(), headers, HTML)

    def _of(self, call: Call) -> list[Told]:
        name = call.path["model"]
        found = self._telling.model(name)
        if not found:
            raise Refusal(404, f"no such model is known, got {name!r}")
        for told in found:
            call.in_city(told.city)
        return found
