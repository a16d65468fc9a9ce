"""Refusals and their wire form (RFC 9457), and the one place where domain errors become HTTP statuses."""

from __future__ import annotations

import http
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson

from wayfare.domain.errors import (
    AlreadyBooked,
    Conflict,
    Expired,
    Forged,
    InvalidInput,
    NotYours,
    Unavailable,
    WayfareError,
)

MEDIA_TYPE = "application/problem+json"
MAX_DETAIL = 500
RETRY_AFTER_SECONDS = 1

TITLES = {
    400: ("unreadable", "The request cannot be read"),
    401: ("unauthenticated", "A valid Bearer token is needed"),
    403: ("forbidden", "The token does not allow this"),
    404: ("not-found", "There is nothing here"),
    405: ("method-not-allowed", "This method is not served here"),
    409: ("conflict", "The request contradicts what is recorded"),
    410: ("expired", "What the request refers to has expired"),
    413: ("too-large", "The body is too large"),
    415: ("unsupported-media-type", "The body must be application/json"),
    422: ("invalid-input", "The request does not fit its schema"),
    429: ("too-many-requests", "Too many requests"),
    500: ("internal-error", "Something went wrong on our side"),
    503: ("unavailable", "Something that the request needs cannot answer now"),
}


class Trouble(NamedTuple):
    """One thing wrong with the input: an RFC 6901 pointer and a sentence that ends with the value received."""

    pointer: str
    detail: str


class Refusal(Exception):
    """A request that is answered by a problem. `extra` are further members of the problem, `headers` of the answer."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Trouble] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


def invalid(errors: Sequence[Trouble]) -> Refusal:
    """422 with every trouble listed."""
    count = "one problem" if len(errors) == 1 else f"{len(errors)} problems"
    return Refusal(422, f"{count}: {errors[0].pointer or 'the body'} {errors[0].detail}", errors=errors)


def forbidden(detail: str) -> Refusal:
    """403: the token is good, but not for this."""
    return Refusal(403, detail)


@contextmanager
def at(pointer: str) -> Iterator[None]:
    """Give InvalidInput raised inside (OutOfCity, TooFarAhead...) the place in the body that it is about."""
    try:
        yield
    except InvalidInput as error:
        raise invalid([Trouble(pointer, str(error))]) from error


def refusal_of(error: WayfareError) -> Refusal:
    """The refusal that a domain error is answered by; anything not meant for callers is a bare 500."""
    if isinstance(error, InvalidInput):
        return invalid([Trouble("", str(error))])
    if isinstance(error, AlreadyBooked):
        return Refusal(409, str(error), extra={"booking_id": error.booking_id} if error.booking_id else None)
    if isinstance(error, Conflict):
        return Refusal(409, str(error))
    if isinstance(error, NotYours):
        return forbidden(str(error))
    if isinstance(error, Expired):
        return Refusal(410, str(error))
    if isinstance(error, Forged):
        return Refusal(422, str(error))
    if isinstance(error, Unavailable):
        return Refusal(503, str(error), headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    return internal()


def internal() -> Refusal:
    """500, saying nothing of the inside."""
    return Refusal(500, "the request could not be answered; the request_id finds it in our logs")


def body_of(refusal: Refusal, request_id: str) -> bytes:
    """The problem as JSON."""
    slug, title = TITLES.get(refusal.status) or _title_of(refusal.status)
    detail = refusal.detail if len(refusal.detail) <= MAX_DETAIL else refusal.detail[: MAX_DETAIL - 1] + "…"
    problem: dict[str, Any] = {
        **refusal.extra,
        "type": f"urn:problem-type:wayfare:{slug}",
        "title": title,
        "status": refusal.status,
        "detail": detail,
        "request_id": request_id,
    }
    if refusal.errors:
        problem["errors"] = [trouble._asdict() for trouble in refusal.errors]
    return orjson.dumps(problem)


def _title_of(status: int) -> tuple[str, str]:
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = f"HTTP status {status}"
    return phrase.lower().replace(" ", "-"), phrase
