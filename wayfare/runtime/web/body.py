"""Reading a body: media type, then size, then bytes; before any of it is understood."""

from __future__ import annotations

from typing import Any

from flask import Request
from werkzeug.exceptions import ClientDisconnected

from wayfare.runtime.web.problems import Refusal
from wayfare.runtime.web.strict_json import NotJson, loads

MAX_BYTES = 1024 * 1024


def read_json(request: Request) -> Any:
    """The parsed body; Refusal 415, 413 or 400."""
    if request.content_type != "application/json":
        _check_type(request)
    encoding = request.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise Refusal(415, f"the body must not be compressed, got Content-Encoding {encoding[:40]!r}")
    announced = request.content_length
    if announced is not None and announced > MAX_BYTES:
        raise Refusal(413, f"a body has at most {MAX_BYTES} bytes, got {announced}")
    try:
        # A chunked body announces no length, and a length may lie: what counts is what is read.
        body = request.stream.read(MAX_BYTES + 1)
    except (ClientDisconnected, OSError) as error:
        raise Refusal(400, f"the body ended before its announced length, got {type(error).__name__}") from error
    if len(body) > MAX_BYTES:
        raise Refusal(413, f"a body has at most {MAX_BYTES} bytes, got more")
    if announced is not None and len(body) < announced:
        raise Refusal(400, f"the body must have the {announced} bytes it announced, got {len(body)}")
    if not body:
        raise Refusal(400, "the body must be JSON, got an empty body")
    try:
        return loads(body)
    except NotJson as error:
        raise Refusal(400, str(error)) from error


def _check_type(request: Request) -> None:
    """Refusal 415 unless the type is JSON in UTF-8, however it is written."""
    if request.mimetype != "application/json":
        raise Refusal(415, f"the Content-Type must be application/json, got {request.content_type or 'none'!r}")
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if charset not in ("utf-8", "utf8"):
        raise Refusal(415, f"the charset must be utf-8, got {charset[:40]!r}")
