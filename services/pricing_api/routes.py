"""The routes of pricing_api."""

from __future__ import annotations

from services.pricing_api import examples
from services.pricing_api.bodies import (
    BookingAnswer,
    BookingRequest,
    Box,
    CapAnswer,
    CapRequest,
    Cities,
    Here,
    QuoteAnswer,
    QuoteRequest,
    SurgeHere,
    SurgeMapAnswer,
)
from services.pricing_api.handlers import GEO_JSON, Handlers
from wayfare.domain.callers import ROLES
from wayfare.runtime.web.routes import Route


def routes(own: Handlers, quote_seconds: float, booking_seconds: float) -> list[Route]:
    """Every route of this service. quote_seconds, booking_seconds: their deadlines."""
    return [
        Route(
            method="POST",
            path="/v1/quotes",
            handler=own.quote,
            roles=frozenset({"rider", "service"}),
            summary="Ask what a trip costs, and lock the price",
            description=(
                "Both places lie in one city. `degraded` says what failed and what stood in for it; a quote is answered "
                "within its deadline whatever is down, and only without any verified model it is 503."
            ),
            body=QuoteRequest,
            answers={201: QuoteAnswer},
            idempotent=True,
            deadline_seconds=quote_seconds,
            examples=examples.QUOTES,
        ),
        Route(
            method="POST",
            path="/v1/bookings",
            handler=own.book,
            roles=frozenset({"rider", "service"}),
            summary="Book a quote at its price",
            description=(
                "409: the quote was booked before; `booking_id` names that booking. 410: it ended unused. 422: the token is "
                "forged or altered. 503: it is not known that anything is recorded; send the same again, which books, or "
                "tells of the booking that the first try made."
            ),
            body=BookingRequest,
            answers={201: BookingAnswer},
            idempotent=True,
            deadline_seconds=booking_seconds,
            examples=examples.BOOKINGS,
            problems=frozenset({409, 410}),
        ),
        Route(
            method="GET",
            path="/v1/bookings/{id}",
            handler=own.booking,
            roles=frozenset({"rider", "service"}),
            summary="A booking",
            answers={200: BookingAnswer},
            deadline_seconds=booking_seconds,
            problems=frozenset({404}),
        ),
        Route(
            method="GET",
            path="/v1/surge",
            handler=own.surge,
            roles=ROLES,
            summary="The multiplier at a place now",
            description="For the median trip from the place's cell and an anonymous rider, as the map shows it.",
            query=Here,
            answers={200: SurgeHere},
            deadline_seconds=quote_seconds,
        ),
        Route(
            method="GET",
            path="/v1/surge/map",
            handler=own.surge_map,
            roles=ROLES,
            summary="Multipliers, cabs and waiting requests of all active cells",
            query=Box,
            answers={200: SurgeMapAnswer, 304: None},
            media_types={200: GEO_JSON},
        ),
        Route(
            method="GET",
            path="/v1/cities",
            handler=own.cities,
            roles=ROLES,
            summary="The cities that are served",
            answers={200: Cities},
        ),
        Route(
            method="PUT",
            path="/v1/cities/{id}/surge-cap",
            handler=own.cap,
            roles=frozenset({"operator"}),
            summary="Cap or freeze a city's surge",
            description="In force everywhere within seconds; the newest cap that has not ended counts; each is kept as audit.",
            body=CapRequest,
            answers={200: CapAnswer},
            examples=examples.CAPS,
            problems=frozenset({404}),
        ),
    ]
