"""Declaring routes: one `Route` says what is served, to whom, in which form; dispatch and OpenAPI both read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from werkzeug.datastructures import Headers

from wayfare.domain.callers import Caller, Role
from wayfare.runtime.deadline import Deadline
from wayfare.runtime.web.problems import forbidden


@dataclass(frozen=True, slots=True)
class Call:
    """One request that has passed the edge.

    `body` and `query` are instances of the route's models (None where it has none; what `quick_body` gave), `path` its path parameters,
    `headers` the request's own, with case-insensitive names.
    """

    caller: Caller
    body: Any
    query: Any
    path: Mapping[str, str]
    headers: Headers
    deadline: Deadline
    request_id: str

    def own(self, role: Role, subject: str | None, what: str) -> None:
        """Refuse with 403 when a caller of `role` names somebody else; others may name anyone."""
        if self.caller.role == role and subject is not None and subject != self.caller.subject:
            raise forbidden(f"a {role} may send only their own {what} {self.caller.subject!r}, got {subject!r}")

    def in_city(self, city: str) -> None:
        """Refuse with 403 when the token is good in another city only."""
        if self.caller.city is not None and city != self.caller.city:
            raise forbidden(f"this token is good in {self.caller.city!r} only, got a place in {city or 'no city'!r}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler answers: a model, a JSON-ready mapping, ready bytes of `media_type`, or nothing (304)."""

    status: int
    body: BaseModel | Mapping[str, Any] | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API.

    path: with parameters in braces, `/v1/bookings/{id}`; each is an id. roles: who may call; never empty. body, query:
    models of what comes in. quick_body: reads most parsed bodies at once, so that the handler gets what it gives; None
    for any that `body` would refuse or that is unusual, which `body` then judges. answers: status -> model of what goes out (None: no body). media_types: of an
    answer that is not plain JSON. idempotent: takes an `Idempotency-Key`. deadline_seconds: overrides the setting.
    examples: bodies that are valid, by name.
    """

    method: str
    path: str
    handler: Callable[[Call], Answer]
    roles: frozenset[Role]
    summary: str
    answers: Mapping[int, type[BaseModel] | None]
    description: str = ""
    body: type[BaseModel] | None = None
    quick_body: Callable[[Any], Any | None] | None = None
    query: type[BaseModel] | None = None
    media_types: Mapping[int, str] = field(default_factory=dict)
    idempotent: bool = False
    deadline_seconds: float | None = None
    examples: Mapping[str, Any] = field(default_factory=dict)
    problems: frozenset[int] = frozenset()
    """Statuses of problems that the handler itself may answer, besides those of the edge."""

    def __post_init__(self) -> None:
        if not self.roles:
            raise ValueError(f"every route names the roles that may call it, got none for {self.method} {self.path}")
