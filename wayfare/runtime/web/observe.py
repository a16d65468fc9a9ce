"""What is seen of each request: its id, its trace, one metric sample and one log line."""

from __future__ import annotations

import random
import re
import time
from typing import Any

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
        own, headers, rule = of_request(g), request.headers, request.url_rule
        own.began = time.perf_counter()
        given = headers.get("X-Request-Id", "")
        own.request_id = given if _SANE_ID.match(given) else f"{random.getrandbits(128):032x}"
        own.route = rule.endpoint if rule else "unmatched"
        structlog.contextvars.bind_contextvars(request_id=own.request_id)
        own.span = RequestSpan(own.route, headers.get("traceparent"), headers.get("tracestate"))

    @app.after_request
    def _finish(response: Response) -> Response:
        own, asked, headers = of_request(g), of_request(request), response.headers
        seconds = time.perf_counter() - own.began
        status, route, rule = response.status_code, own.route, asked.url_rule
        headers["X-Request-Id"] = own.request_id
        headers["traceparent"] = own.span.traceparent
        method = asked.method if rule else "any"
        HTTP_REQUESTS.labels(route, method, str(status)).inc()
        HTTP_SECONDS.labels(route, method).observe(seconds, exemplar())
        own.span.tell(
            status >= 500,
            http__request__method=asked.method,
            http__route=rule.rule if rule else "unmatched",
            http__response__status_code=status,
            wayfare__request_id=own.request_id,
        )
        if status >= 400 or seconds > slow_seconds:
            write = logs.logger().error if status >= 500 else logs.logger().info
        else:
            write = logs.logger().debug
        write("request", route=route, method=method, status=status, ms=round(seconds * 1000, 2), subject=subject())
        return response

    @app.teardown_request
    def _end(error: BaseException | None) -> None:
        span: RequestSpan | None = g.pop("span", None)
        if span:
            span.end()
        structlog.contextvars.unbind_contextvars("request_id")


def of_request(proxy: Any) -> Any:
    """What Flask's `g` or `request` stands for now, to be asked for once: each use of the proxy itself is a look-up of its own."""
    return proxy._get_current_object()


def request_id() -> str:
    """The id of the request at hand."""
    return str(g.get("request_id", "none"))


def subject() -> str | None:
    """Who sent the request at hand, once known."""
    caller = g.get("caller")
    return caller.subject if caller else None
