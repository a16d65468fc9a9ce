"""The OpenAPI 3.1 document of a service, made from the same routes that are dispatched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from openapi_pydantic import OpenAPI
from openapi_pydantic.util import PydanticSchema, construct_open_api_with_schema_class
from pydantic import BaseModel, Field

from wayfare.domain.ids import ID_PATTERN
from wayfare.runtime.web.problems import MEDIA_TYPE, TITLES
from wayfare.runtime.web.routes import Route


class ProblemError(BaseModel):
    """One thing wrong with the input."""

    pointer: str = Field(description="RFC 6901 pointer into the body; empty for the whole of it.")
    detail: str = Field(description="A sentence that ends with the value received.")


class Problem(BaseModel):
    """An RFC 9457 problem."""

    type: str = Field(description="URN of the kind of problem.")
    title: str
    status: int
    detail: str
    request_id: str = Field(description="Finds the request in our logs; also in `X-Request-Id`.")
    errors: list[ProblemError] | None = Field(None, description="Every problem with the input, at most 100 and a note.")
    booking_id: str | None = Field(None, description="With 409 on a booking of one's own: the booking that exists.")


def document(name: str, description: str, routes: Sequence[Route]) -> bytes:
    """The document as JSON; it is validated on the way."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    bearer = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "RFC 7519 with iss, aud wayfare, exp, sub and role; city optional.",
    }
    whole = OpenAPI.model_validate(
        {
            "openapi": "3.1.1",
            "info": {"title": f"Wayfare {name}", "version": metadata.version("wayfare"), "description": description},
            "security": [{"bearer": []}],
            "paths": paths,
            "components": {"securitySchemes": {"bearer": bearer}},
        }
    )
    complete = construct_open_api_with_schema_class(whole)
    return complete.model_dump_json(by_alias=True, exclude_unset=True, indent=1).encode()


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": re.sub(r"[^a-z0-9]+", "_", f"{route.method} {route.path}".lower()).strip("_"),
        "description": f"{route.description}\n\nRoles: {', '.join(sorted(route.roles))}.".strip(),
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": {
            **{str(status): _answer(route, status, model) for status, model in route.answers.items()},
            **{str(status): _problem(status) for status in sorted(_refusals(route))},
        },
    }
    if route.body:
        content: dict[str, Any] = {"schema": PydanticSchema(schema_class=route.body)}
        if route.examples:
            content["examples"] = {title: {"value": value} for title, value in route.examples.items()}
        operation["requestBody"] = {"required": True, "content": {"application/json": content}}
    return operation


def _refusals(route: Route) -> set[int]:
    found = {401, 403, 422, 500, 503} | set(route.problems)
    if route.roles & {"rider", "driver"}:
        found.add(429)
    if route.body:
        found |= {400, 413, 415}
    if "{" in route.path:
        found.add(404)
    if route.idempotent:
        found.add(409)
    return found


def _answer(route: Route, status: int, model: type[BaseModel] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": route.summary, "headers": _common_headers()}
    media_type = route.media_types.get(status, "application/json" if model else None)
    if media_type:
        schema: Any = PydanticSchema(schema_class=model) if model else {"type": "object"}
        answer["content"] = {media_type: {"schema": schema}}
    return answer


def _problem(status: int) -> dict[str, Any]:
    headers = _common_headers()
    if status in (429, 503):
        headers["Retry-After"] = _header("Whole seconds after which to try again.", "integer")
    if status == 401:
        headers["WWW-Authenticate"] = _header("Bearer (RFC 6750).", "string")
    return {
        "description": TITLES[status][1],
        "headers": headers,
        "content": {MEDIA_TYPE: {"schema": PydanticSchema(schema_class=Problem)}},
    }


def _common_headers() -> dict[str, Any]:
    return {"X-Request-Id": _header("The caller's id of the request, or a new one.", "string")}


def _header(description: str, kind: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": ID_PATTERN}}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema()
    required = set(schema.get("required", ()))
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": _plain(part),
            **({"description": part["description"]} if "description" in part else {}),
        }
        for name, part in schema.get("properties", {}).items()
    ]


def _plain(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """A query parameter is never null: absent is absent."""
    choices = [choice for choice in part.get("anyOf", ()) if choice.get("type") != "null"]
    return choices[0] if len(choices) == 1 else part


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    if not route.idempotent:
        return []
    return [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Repeating a request under the same key gives the same answer for 24 hours.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        }
    ]
