from opentelemetry import trace

from wayfare.runtime import tracing

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_an_incoming_trace_is_continued_to_the_next_process():
    tracing.configure("test")
    span = tracing.RequestSpan("work", PARENT)
    carried = tracing.outgoing()["traceparent"]
    span.end()
    assert carried == span.traceparent
    assert carried.split("-")[1] == PARENT.split("-")[1]
    assert carried.split("-")[2] != PARENT.split("-")[2]


def test_without_one_a_new_trace_begins_and_ends_with_its_request():
    tracing.configure("test")
    first = tracing.RequestSpan("work", None)
    first.end()
    second = tracing.RequestSpan("work", "nonsense")
    second.end()
    assert first.traceparent.split("-")[1] != second.traceparent.split("-")[1]
    assert not trace.get_current_span().get_span_context().is_valid
    assert tracing.outgoing() == {}


def test_a_request_never_inherits_the_trace_of_the_one_before_on_its_thread():
    tracing.configure("test")
    left_open = tracing.RequestSpan("work", PARENT)
    inner = tracing.RequestSpan("work", None)
    assert inner.traceparent.split("-")[1] != PARENT.split("-")[1]
    inner.end()
    left_open.end()
