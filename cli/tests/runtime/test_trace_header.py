import pytest
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from portable_runtime.trace_header import Ids, LoadBalancerPropagator, TraceHeader, read, written

TRACE = 0x67891233ABCDEF012345678912345678
ROOT = "Root=1-67891233-abcdef012345678912345678"
PARENT = 0x53995C3F42CD8AD8


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (ROOT, TraceHeader(TRACE)),
        (f"Self=1-67891234-12456789abcdef012345678;{ROOT}", TraceHeader(TRACE)),
        (f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1", TraceHeader(TRACE, PARENT)),
        (f"Parent=53995c3f42cd8ad8; Sampled=0; {ROOT}", TraceHeader(TRACE, PARENT, False)),
        (f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=?", TraceHeader(TRACE, PARENT)),
        (f"{ROOT};CalledFrom=a=b;Lineage=1:2|3:0", TraceHeader(TRACE)),
        (f"{ROOT};Parent=x;Sampled=maybe", TraceHeader(TRACE)),
        ("", TraceHeader()),
        ("Root=1-a-b", TraceHeader()),
        (f"My{ROOT}", TraceHeader()),
        (f"{ROOT}0", TraceHeader()),
        ("Parent=53995c3f42cd8ad8;Sampled=1", TraceHeader()),
    ],
)
def test_what_a_header_says(header, expected):
    assert read(header) == expected


def test_a_trace_is_written_as_it_was_read():
    assert written(read(ROOT).trace) == ROOT
    assert written(1) == "Root=1-00000000-000000000000000000000001"


def started(headers, monkeypatch, invocation=""):
    """Return the span that a server begins with these headers, as FastAPI does."""
    monkeypatch.setenv("_X_AMZN_TRACE_ID", invocation)
    tracer = TracerProvider(id_generator=Ids()).get_tracer("test")
    context = TraceContextTextMapPropagator().extract(headers, Context())
    context = LoadBalancerPropagator().extract(headers, context)
    token = attach(context)
    try:
        return tracer.start_span("GET", context)
    finally:
        detach(token)


def test_the_first_span_is_in_the_trace_of_the_load_balancer(monkeypatch):
    span = started({"X-Amzn-Trace-Id": ROOT}, monkeypatch)
    assert (span.context.trace_id, span.parent) == (TRACE, None)
    assert span.is_recording()


def test_a_caller_that_names_its_span_is_the_parent(monkeypatch):
    headers = {"X-Amzn-Trace-Id": f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=1"}
    span = started(headers, monkeypatch)
    assert (span.context.trace_id, span.parent.span_id) == (TRACE, PARENT)


def test_what_the_caller_does_not_record_is_not_recorded(monkeypatch):
    headers = {"X-Amzn-Trace-Id": f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=0"}
    span = started(headers, monkeypatch)
    assert not span.is_recording()
    assert span.get_span_context().trace_id == TRACE


def test_the_load_balancer_goes_before_another_header(monkeypatch):
    headers = {
        "X-Amzn-Trace-Id": ROOT,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    span = started(headers, monkeypatch)
    assert (span.context.trace_id, span.parent) == (TRACE, None)


def test_without_a_load_balancer_the_other_header_counts(monkeypatch):
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    span = started(headers, monkeypatch)
    assert span.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C


def test_a_request_without_a_trace_gets_one(monkeypatch):
    spans = [started({}, monkeypatch) for _ in range(2)]
    assert len({span.context.trace_id for span in spans} - {0, TRACE}) == 2


@pytest.mark.parametrize(
    ("invocation", "parent"),
    [
        (f"{ROOT};Parent=00000000000000aa;Sampled=1", 0xAA),
        ("Root=1-67891233-000000000000000000000bbb;Parent=00000000000000aa;Sampled=1", None),
        (ROOT, None),
    ],
)
def test_lambda_s_own_span_is_the_parent_in_the_same_trace_only(invocation, parent, monkeypatch):
    span = started({"X-Amzn-Trace-Id": ROOT}, monkeypatch, invocation)
    assert span.context.trace_id == TRACE
    assert (span.parent.span_id if span.parent else None) == parent


def test_a_request_of_the_app_carries_trace_and_span(monkeypatch):
    propagator = LoadBalancerPropagator()
    span = started({"X-Amzn-Trace-Id": ROOT}, monkeypatch)
    headers: dict[str, str] = {}
    propagator.inject(headers, trace.set_span_in_context(span))
    assert headers.keys() == propagator.fields
    expected = f"{ROOT};Parent={span.context.span_id:016x};Sampled=1"
    assert headers["X-Amzn-Trace-Id"] == expected
    assert read(expected) == TraceHeader(TRACE, span.context.span_id)


def test_without_a_span_nothing_is_carried():
    headers: dict[str, str] = {}
    LoadBalancerPropagator().inject(headers, Context())
    assert headers == {}
