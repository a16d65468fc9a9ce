"""Structured logs: one JSON object a line on standard output, with the request and trace ids of the work at hand."""

from __future__ import annotations

import logging
import sys
from typing import Any, cast

import structlog
from opentelemetry import trace

_SECRET_WORDS = ("token", "password", "authorization", "secret", "private")


def _without_secrets(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = "hidden"
    return event


def _with_trace(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = f"{span.trace_id:032x}"
    return event


def configure(process: str, level: str = "info") -> None:
    """Send this process's own logs, and those of libraries from warning up, to standard output as JSON."""

    def with_process(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        # Not a context variable: threads made later would not have it.
        event["process"] = process
        return event

    shared: list[structlog.typing.Processor] = [
        with_process,
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _with_trace,
        _without_secrets,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def logger(**bound: Any) -> structlog.typing.FilteringBoundLogger:
    """A logger; call as `log.info("what happened", value=1)`."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(**bound))
