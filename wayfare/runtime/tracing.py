"""W3C trace context: an incoming `traceparent` is continued, and `outgoing()` carries it on, over HTTP, gRPC and Kafka.

Ids always travel and appear in the logs, for a few microseconds. Spans are recorded and sent (OTLP over HTTP) only where
an endpoint is configured, for requests whose caller sampled them and for a stated share of those that begin here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from contextvars import Token
from typing import Any

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

EXPORT_SECONDS = 2.0
"""Longest wait for a collector, per batch of spans and when a process ends."""
MOST_WAITING = 4096
"""Ended spans that wait to be sent; past it spans are dropped, never requests."""

_PROPAGATOR = TraceContextTextMapPropagator()
_TRACER = trace.get_tracer("wayfare")
_LOCK = threading.Lock()


def configure(process: str, endpoint: str | None = None, share: float = 0.0) -> None:
    """Set up tracing of this process, once.

    endpoint: base URL of an OTLP collector, such as http://127.0.0.1:4318; None records nothing. share: of the traces
    that begin in this process, how many are recorded, 0 to 1.
    """
    if endpoint is None:
        _provide(process, None, ParentBased(ALWAYS_OFF, ALWAYS_OFF, local_parent_sampled=ALWAYS_OFF))
    else:
        _provide(process, _exporting(endpoint), ParentBased(TraceIdRatioBased(share)))


def _provide(process: str, processor: SpanProcessor | None, sampler: Any) -> None:
    with _LOCK:
        if isinstance(trace.get_tracer_provider(), TracerProvider):
            return
        resource = Resource.create({"service.namespace": "wayfare", "service.name": process})
        provider = TracerProvider(sampler, resource, shutdown_on_exit=processor is not None)
        if processor is not None:
            provider.add_span_processor(processor)
        trace.set_tracer_provider(provider)


def _exporting(endpoint: str) -> SpanProcessor:
    # Imported here: it brings an HTTP client that a process without an endpoint does not need.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces", timeout=EXPORT_SECONDS)
    return BatchSpanProcessor(exporter, MOST_WAITING, schedule_delay_millis=1_000, export_timeout_millis=2_000)


class RequestSpan:
    """The span of one request that this process answers; `end` must be called on the same thread."""

    __slots__ = ("_span", "_token")

    def __init__(self, name: str, traceparent: str | None, tracestate: str | None = None) -> None:
        parent = _parent(traceparent, tracestate)
        self._span = _TRACER.start_span(name, parent, kind=trace.SpanKind.SERVER)
        self._token: Token[Context] = context.attach(trace.set_span_in_context(self._span, parent))

    @property
    def traceparent(self) -> str:
        """The header value that names this span."""
        return _header(self._span)

    def tell(self, failed: bool, **attributes: str | int) -> None:
        """What came of the request; names with two underscores for each dot. Costs nothing where it is not recorded."""
        if self._span.is_recording():
            self._span.set_attributes({name.replace("__", "."): value for name, value in attributes.items()})
            if failed:
                self._span.set_status(trace.StatusCode.ERROR)

    def end(self) -> None:
        """Close the span and forget its context."""
        self._span.end()
        context.detach(self._token)


@contextlib.contextmanager
def calling(name: str) -> Iterator[None]:
    """The span of a call to another process, within the request at hand; an exception that passes makes it an error."""
    if not trace.get_current_span().is_recording():
        yield
        return
    with _TRACER.start_as_current_span(name, kind=trace.SpanKind.CLIENT):
        yield


def took_over(name: str, traceparent: str, began_ms: int, ended_ms: int, **attributes: str | int) -> None:
    """Record what became of a record of the log that carried `traceparent`. Wall times in ms since the epoch."""
    span = _TRACER.start_span(
        name, _parent(traceparent, None), kind=trace.SpanKind.CONSUMER, start_time=began_ms * 1_000_000
    )
    span.set_attributes({key.replace("__", "."): value for key, value in attributes.items()})
    span.end(max(began_ms, ended_ms) * 1_000_000)


def outgoing() -> Mapping[str, str]:
    """Headers (HTTP, gRPC metadata) that continue the current trace in another process."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier


def exemplar() -> dict[str, str] | None:
    """What links a sample of a histogram to the trace at hand, when that is recorded."""
    of = trace.get_current_span().get_span_context()
    return {"trace_id": f"{of.trace_id:032x}"} if of.trace_flags.sampled else None


def _parent(traceparent: str | None, tracestate: str | None) -> Context:
    if not traceparent:
        return Context()
    carrier = {"traceparent": traceparent} | ({"tracestate": tracestate} if tracestate else {})
    return _PROPAGATOR.extract(carrier, Context())


def _header(span: trace.Span) -> str:
    of = span.get_span_context()
    return f"00-{of.trace_id:032x}-{of.span_id:016x}-{of.trace_flags:02x}"
