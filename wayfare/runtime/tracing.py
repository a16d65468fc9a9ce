"""W3C trace context: an incoming `traceparent` is continued, and `outgoing()` carries it on.

Spans are not recorded unless a span processor is given: ids still travel and appear in the logs, for a few microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
_TRACER = trace.get_tracer("wayfare")


def configure(process: str, processor: SpanProcessor | None = None) -> None:
    """Set up tracing of this process, once. With a processor, spans are recorded as the caller's sampling flag says."""
    if isinstance(trace.get_tracer_provider(), TracerProvider):
        return
    resource = Resource.create({"service.name": process})
    provider = (
        TracerProvider(resource=resource)
        if processor
        else TracerProvider(
            sampler=ParentBased(ALWAYS_OFF, remote_parent_sampled=ALWAYS_OFF, local_parent_sampled=ALWAYS_OFF),
            resource=resource,
            shutdown_on_exit=False,
        )
    )
    if processor:
        provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)


class RequestSpan:
    """The span of one request that this process answers; `end` must be called on the same thread."""

    __slots__ = ("_span", "_token")

    def __init__(self, name: str, traceparent: str | None, tracestate: str | None = None) -> None:
        parent = Context()
        if traceparent:
            carrier = {"traceparent": traceparent} | ({"tracestate": tracestate} if tracestate else {})
            parent = _PROPAGATOR.extract(carrier, parent)
        self._span = _TRACER.start_span(name, parent, kind=trace.SpanKind.SERVER)
        self._token: Token[Context] = context.attach(trace.set_span_in_context(self._span, parent))

    @property
    def traceparent(self) -> str:
        """The header value that names this span."""
        of = self._span.get_span_context()
        return f"00-{of.trace_id:032x}-{of.span_id:016x}-{of.trace_flags:02x}"

    def end(self) -> None:
        """Close the span and forget its context."""
        self._span.end()
        context.detach(self._token)


def outgoing() -> Mapping[str, str]:
    """Headers (HTTP, gRPC metadata or Kafka) that continue the current trace in another process."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier
