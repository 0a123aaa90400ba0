"""The load balancer's `X-Amzn-Trace-Id`, for OpenTelemetry.

Other readers of this header insist on a `Parent`, and a load balancer names none: it is no part of
the trace itself. So a request begins with a span that has no parent, in the trace of the header.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html
https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
"""

import os
import re
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.context import Context, create_key, get_value, set_value
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanContext, TraceFlags

NAME = "X-Amzn-Trace-Id"
FIELD = r"(?:^|;) *{}(?= *(?:;|$))"
ROOT = re.compile(FIELD.format("Root=1-([0-9a-f]{8})-([0-9a-f]{24})"))
PARENT = re.compile(FIELD.format("Parent=([0-9a-f]{16})"))
NOT_SAMPLED = re.compile(FIELD.format("Sampled=0"))
TRACE = create_key("trace-of-load-balancer")


@dataclass(frozen=True)
class TraceHeader:
    """Trace and parent, 0 where the header names none, and whether they are to be recorded."""

    trace: int = 0
    parent: int = 0
    sampled: bool = True

    @property
    def context(self) -> SpanContext:
        """The parent as OpenTelemetry has it."""
        flags = TraceFlags(TraceFlags.SAMPLED if self.sampled else TraceFlags.DEFAULT)
        return SpanContext(self.trace, self.parent, is_remote=True, trace_flags=flags)


def read(header: str) -> TraceHeader:
    """Return what a header says; what is malformed says nothing."""
    root = ROOT.search(header)
    if root is None:
        return TraceHeader()
    parent = PARENT.search(header)
    return TraceHeader(
        int(root[1] + root[2], 16),
        int(parent[1], 16) if parent else 0,
        NOT_SAMPLED.search(header) is None,
    )


def of_invocation() -> TraceHeader:
    """Return what the runtime client says of the invocation, nothing where there is none.

    With active tracing Lambda records a trace of each invocation, of its own accord.
    https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html
    """
    return read(os.environ.get("_X_AMZN_TRACE_ID", ""))


def written(number: int) -> str:
    """Return the id of a trace as the header has it."""
    digits = f"{number:032x}"
    return f"Root=1-{digits[:8]}-{digits[8:]}"


class LoadBalancerPropagator(TextMapPropagator):
    """Takes the trace from the header, and writes it into that of requests which the app makes."""

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """Return `context` with the trace of the request, whatever else it has as a trace."""
        context = Context() if context is None else context
        asked = read(next(iter(getter.get(carrier, NAME) or ()), ""))
        if not asked.trace:
            return context
        own = of_invocation()
        if own.trace == asked.trace and own.parent:
            asked = own
        parent = trace.NonRecordingSpan(asked.context) if asked.parent else trace.INVALID_SPAN
        return set_value(TRACE, asked.trace, trace.set_span_in_context(parent, context))

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write the current span into `carrier`, if there is one."""
        own = trace.get_current_span(context).get_span_context()
        if own.is_valid:
            sampled = int(own.trace_flags.sampled)
            value = f"{written(own.trace_id)};Parent={own.span_id:016x};Sampled={sampled}"
            setter.set(carrier, NAME, value)

    @property
    def fields(self) -> set[str]:
        """What `inject` writes."""
        return {NAME}


class Ids(RandomIdGenerator):
    """Random ids; a span without a parent is in the trace of the request."""

    def generate_trace_id(self) -> int:
        number = get_value(TRACE)
        return number if isinstance(number, int) else super().generate_trace_id()
