"""Signing in and out: a token is exchanged for a cookie that no script can read, and that no other site can send.

What changes something must also repeat the session's `csrf` in `X-CSRF-Token` and come from this origin.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Request

from wayfare.adapters.sealed_sessions import SealedSessions, Session
from wayfare.domain.errors import Expired, Forged
from wayfare.runtime.web.problems import Refusal, forbidden

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class Cookies:
    """The session cookie of requests and answers. tls: it is then Secure, and bound to this host by its name."""

    sessions: SealedSessions
    tls: bool

    @property
    def name(self) -> str:
        """`__Host-` makes browsers refuse it from elsewhere, and needs Secure."""
        return "__Host-wayfare-session" if self.tls else "wayfare-session"

    def header(self, cookie: str, life_s: int) -> str:
        """A `Set-Cookie` header; a life of 0 takes the cookie away."""
        secure = "; Secure" if self.tls else ""
        return f"{self.name}={cookie}; Path=/; Max-Age={life_s}; HttpOnly; SameSite=Strict{secure}"

    def session(self, request: Request) -> Session | None:
        """The session of a request; None without a cookie, Refusal 401 when it does not hold."""
        cookie = request.cookies.get(self.name)
        if cookie is None:
            return None
        try:
            return self.sessions.open(cookie)
        except (Forged, Expired) as error:
            raise Refusal(401, str(error), headers={"WWW-Authenticate": 'Bearer realm="wayfare"'}) from error

    def credential(self, request: Request) -> str | None:
        """The Authorization that a request stands for: its own header, which no other site can make a browser send, or its
        session. Refusal 403 for a change that a page of ours did not ask for."""
        header = request.headers.get("Authorization")
        if header:
            return header
        session = self.session(request)
        if session is None:
            return None
        if request.method not in SAFE:
            _refuse_other_origins(request)
            if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), session.csrf.encode()):
                raise forbidden(f"a change needs the session's csrf in {CSRF_HEADER}, got another or none")
        return f"Bearer {session.token}"


def _refuse_other_origins(request: Request) -> None:
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    if site != "same-origin" or (origin is not None and urlsplit(origin).netloc != request.host):
        raise forbidden(f"changes come from this origin alone, got {(origin or site)[:100]!r}")
