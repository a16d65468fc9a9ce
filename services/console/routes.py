"""The routes of console."""

from __future__ import annotations

from services.console.bodies import CitiesShown, CityAsked, CityNowShown, MapShown, SessionShown
from services.console.handlers import Handlers
from wayfare.domain.callers import Role
from wayfare.runtime.web.routes import Route

OPERATORS: frozenset[Role] = frozenset({"operator"})


def routes(own: Handlers) -> list[Route]:
    """Every route of this service that tells or changes something; the page itself is public and holds nothing."""
    return [
        Route(
            method="POST",
            path="/v1/session",
            handler=own.sign_in,
            roles=OPERATORS,
            summary="Exchange the token of the Authorization header for a session cookie",
            description="The session ends with the token, or after the longest life of a session.",
            answers={201: SessionShown},
        ),
        Route(
            method="GET",
            path="/v1/session",
            handler=own.session,
            roles=OPERATORS,
            summary="Who is signed in",
            answers={200: SessionShown},
            problems=frozenset({404}),
        ),
        Route(
            method="DELETE",
            path="/v1/session",
            handler=own.sign_out,
            roles=OPERATORS,
            summary="Sign out",
            description="Takes the cookie away. Needs `X-CSRF-Token` when it is the session that is sent.",
            answers={204: None},
        ),
        Route(
            method="GET",
            path="/v1/cities",
            handler=own.cities,
            roles=OPERATORS,
            summary="The cities that can be looked at",
            answers={200: CitiesShown},
        ),
        Route(
            method="GET",
            path="/v1/city-now",
            handler=own.city_now,
            roles=OPERATORS,
            summary="Supply, demand, prices and alerts of a city now",
            description="Figures come from Prometheus by queries of fixed names; one that cannot be had is `unknown`.",
            query=CityAsked,
            answers={200: CityNowShown},
        ),
        Route(
            method="GET",
            path="/v1/city-now/map",
            handler=own.surge_map,
            roles=OPERATORS,
            summary="The surge map of a city now, with its age",
            query=CityAsked,
            answers={200: MapShown},
        ),
    ]
