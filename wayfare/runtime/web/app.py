"""The Flask application of a service: every request passes the same checks in the same order.

    routing (404, 405) -> token (401) -> role (403) -> rate (429) -> query (422) -> media type (415), size (413),
    JSON (400), schema (422) -> idempotency (409, 503) -> handler

`app.extensions["wayfare"]` is the `Edge`, which lists the routes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Flask, Request, Response, g, request
from pydantic import BaseModel
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import BaseConverter

from wayfare.domain.callers import ROLES, TokenVerifier
from wayfare.domain.errors import WayfareError
from wayfare.domain.idempotency import IdempotencyStore, KeptAnswer
from wayfare.runtime import logs
from wayfare.runtime.deadline import Deadline
from wayfare.runtime.metrics import EXCEPTIONS
from wayfare.runtime.web import idempotency, observe, problems
from wayfare.runtime.web.auth import authenticate, authorize
from wayfare.runtime.web.body import read_json
from wayfare.runtime.web.problems import Refusal
from wayfare.runtime.web.rate_limit import RateLimit, retry_after
from wayfare.runtime.web.routes import Answer, Call, Route
from wayfare.runtime.web.schema import read_body, read_query

LIMITED_ROLES = frozenset({"rider", "driver"})

Credential = Callable[[Request], str | None]
"""The value of an `Authorization` header that a request stands for; Refusal when it must not be taken."""


def authorization(request: Request) -> str | None:
    """The header itself."""
    return request.headers.get("Authorization")


class _IdConverter(BaseConverter):
    regex = "[A-Za-z0-9._:-]{1,64}"


@dataclass(frozen=True, slots=True)
class Edge:
    """The checks that stand before the handlers of one service."""

    name: str
    routes: Sequence[Route]
    verifier: TokenVerifier
    limit: RateLimit
    store: IdempotencyStore | None
    deadline_seconds: float
    credential: Credential

    def serve(self, route: Route, path: Mapping[str, str]) -> Response:
        """Answer one request."""
        deadline = Deadline(route.deadline_seconds or self.deadline_seconds)
        asked: Request = observe.of_request(request)
        own = observe.of_request(g)
        own.caller = caller = authenticate(self.credential(asked), self.verifier)
        authorize(caller, route)
        if caller.role in LIMITED_ROLES and (wait := self.limit.take((caller.role, caller.subject))):
            raise Refusal(429, f"too many requests of {caller.subject!r}", headers={"Retry-After": retry_after(wait)})
        query = None
        if route.query or asked.query_string:
            query = read_query(route.query or _NoQuery, asked.args.to_dict(flat=False))
        raw = read_json(asked) if route.body else None
        body = route.quick_body(raw) if route.quick_body else None
        if route.body and body is None:
            body = read_body(route.body, raw)
        call = Call(caller, body, query if route.query else None, path, asked.headers, deadline, own.request_id)
        key = asked.headers.get("Idempotency-Key") if route.idempotent and self.store else None
        if key is None or self.store is None:
            return _response(route.handler(call))
        kept = idempotency.answer_once(
            self.store,
            idempotency.scoped_key(caller, route, key),
            idempotency.fingerprint(raw),
            deadline,
            lambda: _kept(_response_or_problem(route, call)),
        )
        return Response(kept.body, kept.status, content_type=kept.media_type)


class _NoQuery(BaseModel, extra="forbid"):
    """Of routes that take no query string."""


class _App(Flask):
    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: no handler here is a coroutine, which Flask would find out anew for each of them."""
        return func


def create_app(
    name: str,
    routes: Sequence[Route],
    *,
    verifier: TokenVerifier,
    rate_per_second: float = 50.0,
    rate_burst: float = 200.0,
    deadline_seconds: float = 5.0,
    slow_seconds: float = 1.0,
    store: IdempotencyStore | None = None,
    description: str = "",
    credential: Credential = authorization,
) -> Flask:
    """The application that serves `routes` and `GET /openapi.json` behind all checks. Opens nothing, starts nothing.

    credential: where a request carries what an `Authorization` header would say, for services of people in a browser.
    """
    document: list[bytes] = []

    def serve_document(_call: Call) -> Answer:
        if not document:
            # Only this route needs it, and it is the heaviest import of a front end.
            from wayfare.runtime.web import openapi

            document.append(openapi.document(name, description, every))
        return Answer(200, document[0])

    own = Route(
        method="GET",
        path="/openapi.json",
        handler=serve_document,
        roles=ROLES,
        summary="This document (OpenAPI 3.1)",
        answers={200: None},
        media_types={200: "application/json"},
    )
    every = [*routes, own]
    limit = RateLimit(rate_per_second, rate_burst)
    edge = Edge(name, every, verifier, limit, store, deadline_seconds, credential)
    app = _App(name, static_folder=None)
    app.url_map.merge_slashes = False
    app.url_map.converters["id"] = _IdConverter
    app.extensions["wayfare"] = edge
    observe.install(app, slow_seconds)
    app.register_error_handler(Exception, _refuse)
    for route in every:
        app.add_url_rule(
            route.path.replace("{", "<id:").replace("}", ">"),
            endpoint=f"{route.method} {route.path}",
            view_func=_view(edge, route),
            methods=[route.method],
            provide_automatic_options=False,
        )
    return app


def _view(edge: Edge, route: Route) -> Callable[..., Response]:
    def view(**path: str) -> Response:
        return edge.serve(route, path)

    return view


def _response(answer: Answer) -> Response:
    body = answer.body
    if isinstance(body, BaseModel):
        body = body.model_dump_json().encode()
    elif isinstance(body, Mapping):
        body = orjson.dumps(body)
    response = Response(body, answer.status, content_type=answer.media_type if body is not None else None)
    response.headers.update(answer.headers)
    return response


def _response_or_problem(route: Route, call: Call) -> Response:
    try:
        return _response(route.handler(call))
    except (Refusal, WayfareError) as error:
        return _refuse(error)


def _kept(response: Response) -> KeptAnswer:
    return KeptAnswer(response.status_code, response.content_type or "", response.get_data())


def _refuse(error: Exception) -> Response:
    """The problem that any exception is answered by."""
    refusal = _refusal(error)
    response = Response(
        problems.body_of(refusal, observe.request_id()), refusal.status, content_type=problems.MEDIA_TYPE
    )
    response.headers.update(refusal.headers)
    return response


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, WayfareError):
        refusal = problems.refusal_of(error)
    elif isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(set(error.valid_methods or ()) - {"HEAD"}))
        detail = f"this path serves {allowed}, got {request.method[:20]}"
        return Refusal(405, detail, headers={"Allow": allowed})
    elif isinstance(error, HTTPException) and error.code and 400 <= error.code < 500:
        detail = f"no such path, got {request.path[:200]}" if error.code == 404 else str(error.description)
        return Refusal(error.code, detail)
    else:
        refusal = problems.internal()
    if refusal.status == 500:
        EXCEPTIONS.labels(g.get("route", "unmatched")).inc()
        logs.logger().error("unexpected exception", exc_info=error)
    return refusal
