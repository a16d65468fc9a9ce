"""Bearer tokens at the edge (RFC 6750): who calls, or 401."""

from __future__ import annotations

from wayfare.domain.callers import Caller, TokenVerifier
from wayfare.domain.errors import Expired, Forged
from wayfare.runtime.web.problems import Refusal, forbidden
from wayfare.runtime.web.routes import Route

MAX_TOKEN = 8192


def authenticate(header: str | None, verifier: TokenVerifier) -> Caller:
    """The caller that an `Authorization` header speaks for; Refusal 401 with `WWW-Authenticate` otherwise."""
    if not header:
        raise Refusal(
            401,
            "send `Authorization: Bearer <token>`, got no Authorization header",
            headers={"WWW-Authenticate": 'Bearer realm="wayfare"'},
        )
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > MAX_TOKEN or not token.isascii():
        raise _bad(f"the Authorization header must be `Bearer <token>`, got the scheme {scheme[:20]!r}")
    try:
        return verifier.verify(token)
    except (Forged, Expired) as error:
        raise _bad(str(error)) from error


def _bad(detail: str) -> Refusal:
    return Refusal(401, detail, headers={"WWW-Authenticate": 'Bearer realm="wayfare", error="invalid_token"'})


def authorize(caller: Caller, route: Route) -> None:
    """Refusal 403 when the caller's role may not call the route at all."""
    if caller.role not in route.roles:
        raise forbidden(f"this needs the role {' or '.join(sorted(route.roles))}, got {caller.role}")
