"""What each route of console does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import request

from services.console.bodies import (
    AlertShown,
    AlertsShown,
    CitiesShown,
    CityNowShown,
    CityShown,
    FigureShown,
    MapShown,
    SessionShown,
)
from services.console.figures import CityNow, Reader, Shown
from services.console.sessions import Cookies
from services.console.shared import Shared
from wayfare.adapters.http_json import HttpJson
from wayfare.adapters.jwt_tokens import ends_at_ms
from wayfare.adapters.sealed_sessions import Session
from wayfare.domain.callers import Caller
from wayfare.domain.city import City, Registry
from wayfare.domain.errors import InvalidInput, StoreUnavailable
from wayfare.domain.times import format_rfc3339, parse_rfc3339
from wayfare.runtime.web.problems import Refusal, Trouble, invalid
from wayfare.runtime.web.routes import Answer, Call

OLD_MAP_S = 10.0
"""A map older than this is stale: it is computed several times a second."""
LOST_MAP_S = 60.0
"""A map older than this says nothing about now; prices do not use it either."""


@dataclass(frozen=True)
class Handlers:
    """Every handler."""

    registry: Callable[[], Registry]
    reader: Reader
    pricing: HttpJson
    cookies: Cookies
    session_s: float
    wall_ms: Callable[[], int]
    now: Shared[CityNow]
    maps: Shared[dict[str, Any]]

    def sign_in(self, call: Call) -> Answer:
        """POST /v1/session."""
        header = call.headers.get("Authorization")
        if header is None:
            raise Refusal(422, "signing in needs the token in the Authorization header, got a session")
        token = header.partition(" ")[2].strip()
        now = self.wall_ms()
        ends = min(ends_at_ms(token), now + round(self.session_s * 1000))
        if ends <= now:
            raise Refusal(401, "the token has ended: sign in with a new one")
        session, cookie = self.cookies.sessions.begin(token, ends)
        headers = {"Set-Cookie": self.cookies.header(cookie, (ends - now) // 1000)}
        return Answer(201, _session(call.caller, session), headers)

    def session(self, call: Call) -> Answer:
        """GET /v1/session."""
        found = self.cookies.session(request)
        if found is None:
            raise Refusal(404, "this request carries a token and no session")
        return Answer(200, _session(call.caller, found))

    def sign_out(self, _call: Call) -> Answer:
        """DELETE /v1/session."""
        return Answer(204, None, {"Set-Cookie": self.cookies.header("", 0), "Clear-Site-Data": '"cache"'})

    def cities(self, call: Call) -> Answer:
        """GET /v1/cities."""
        now = self.wall_ms()
        seen = [city for city in self.registry() if call.caller.city in (None, city.id)]
        return Answer(200, CitiesShown(cities=[_city(city, now) for city in seen]))

    def city_now(self, call: Call) -> Answer:
        """GET /v1/city-now."""
        city = self._city(call).id
        found = self.now.get(city, lambda: self.reader.read(city))
        alerts = [
            AlertShown(
                name=one.name,
                severity=one.severity,
                summary=one.summary,
                runbook=one.runbook,
                labels=one.labels,
                since=format_rfc3339(one.since_ms),
            )
            for one in found.alerts.firing
        ]
        return Answer(
            200,
            CityNowShown(
                city=city,
                read_at=format_rfc3339(found.read_at_ms),
                figures=[_figure(row) for row in found.figures],
                alerts=AlertsShown(state=found.alerts.state, firing=alerts, why=found.alerts.why),
            ),
        )

    def surge_map(self, call: Call) -> Answer:
        """GET /v1/city-now/map."""
        row = self._city(call)
        city = row.id
        now = self.wall_ms()
        box = {"bbox": ",".join(str(edge) for edge in row.bbox())}
        try:
            found = self.maps.get(city, lambda: self.pricing.get("/v1/surge/map", box, self._bearer()))
            age_s = max(0.0, (now - parse_rfc3339(found["computed_at"][city])) / 1000)
        except (StoreUnavailable, InvalidInput, KeyError, TypeError) as error:
            why = f"no map of {city!r} is shared" if isinstance(error, KeyError) else str(error)
            shown = MapShown(city=city, read_at=format_rfc3339(now), state="unknown", age_s=None, why=why, map=None)
            return Answer(200, shown)
        lost, old = age_s > LOST_MAP_S, age_s > OLD_MAP_S
        why = f"computed {age_s:.0f} s ago" if old else "; ".join(found.get("degraded", ()))
        state = "unknown" if lost else "stale" if old else "known"
        own = found | {"features": [one for one in found["features"] if one["properties"]["city"] == city]}
        return Answer(
            200,
            MapShown(
                city=city, read_at=format_rfc3339(now), state=state, age_s=age_s, why=why, map=None if lost else own
            ),
        )

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": self.cookies.credential(request) or ""}

    def _city(self, call: Call) -> City:
        """The city asked for; 403 for one that the token does not reach, 422 for one that there is not."""
        call.in_city(call.query.city)
        try:
            return self.registry().get(call.query.city)
        except InvalidInput as error:
            raise invalid([Trouble("/city", str(error))]) from error


def _session(caller: Caller, session: Session) -> SessionShown:
    return SessionShown(
        subject=caller.subject,
        role=caller.role,
        city=caller.city,
        ends_at=format_rfc3339(session.ends_ms),
        csrf=session.csrf,
    )


def _figure(row: Shown) -> FigureShown:
    figure = row.figure
    return FigureShown(
        name=figure.name,
        title=figure.title,
        meaning=figure.meaning,
        unit=figure.unit,
        value=row.value,
        state=row.state,
        age_s=row.age_s,
        why=row.why,
    )


def _city(city: City, wall_ms: int) -> CityShown:
    ring = [[corner.lon, corner.lat] for corner in city.boundary]
    return CityShown(
        id=city.id,
        name=city.name,
        boundary={"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
        time_zone=city.time_zone,
        now=format_rfc3339(city.clock.at(wall_ms)),
    )
