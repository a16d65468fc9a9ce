"""What is seen of each request: its id, its trace, one metric sample and one log line."""

from __future__ import annotations

import re
import secrets
import time

import structlog
from flask import Flask, Response, g, request

from wayfare.runtime import logs
from wayfare.runtime.metrics import HTTP_REQUESTS, HTTP_SECONDS
from wayfare.runtime.tracing import RequestSpan, exemplar

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")


def install(app: Flask, slow_seconds: float) -> None:
    """Observe every request of `app`; answers below 400 and faster than `slow_seconds` are logged at debug only."""

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _SANE_ID.match(given) else secrets.token_hex(16)
        rule = request.url_rule
        g.route = rule.endpoint if rule else "unmatched"
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
        g.span = RequestSpan(g.route, request.headers.get("traceparent"), request.headers.get("tracestate"))

    @app.after_request
    def _finish(response: Response) -> Response:
        seconds = time.perf_counter() - g.began
        status = response.status_code
        response.headers["X-Request-Id"] = g.request_id
        response.headers["traceparent"] = g.span.traceparent
        method = request.method if request.url_rule else "any"
        HTTP_REQUESTS.labels(g.route, method, str(status)).inc()
        HTTP_SECONDS.labels(g.route, method).observe(seconds, exemplar())
        g.span.tell(
            status >= 500,
            http__request__method=request.method,
            http__route=request.url_rule.rule if request.url_rule else "unmatched",
            http__response__status_code=status,
            wayfare__request_id=g.request_id,
        )
        if status >= 400 or seconds > slow_seconds:
            write = logs.logger().error if status >= 500 else logs.logger().info
        else:
            write = logs.logger().debug
        write("request", route=g.route, method=method, status=status, ms=round(seconds * 1000, 2), subject=subject())
        return response

    @app.teardown_request
    def _end(error: BaseException | None) -> None:
        span: RequestSpan | None = g.pop("span", None)
        if span:
            span.end()
        structlog.contextvars.unbind_contextvars("request_id")


def request_id() -> str:
    """The id of the request at hand."""
    return str(g.get("request_id", "none"))


def subject() -> str | None:
    """Who sent the request at hand, once known."""
    caller = g.get("caller")
    return caller.subject if caller else None
