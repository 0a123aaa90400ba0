"""Which trace the spans are in that FastAPI makes of a request, and what becomes of them.

Imported where TRACING is true only, as the image has no OpenTelemetry SDK by default.
https://fastapi.tiangolo.com/advanced/opentelemetry/
"""

import logging
import os
import threading
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext, SpanKind

from portable_runtime import trace_header
from portable_runtime.request_log import ASGIApp, Message, Receive, Scope, Send
from portable_runtime.span_export import processor

LAST_TIME = 3.0  # seconds that the shutdown waits for the last spans

# FastAPI ends the span with the response. What is logged of the request later belongs to it, too.
of_request: ContextVar[SpanContext] = ContextVar("of_request", default=INVALID_SPAN_CONTEXT)


class Tracing:
    """The tracing of one side, `lambda` or `ecs`: also for spans that the app makes itself."""

    def __init__(self, side: str) -> None:
        self.provider = TracerProvider(resource=_resource(side), id_generator=trace_header.Ids())
        self.provider.add_span_processor(RequestSpans())
        self.provider.add_span_processor(processor(side))
        trace.set_tracer_provider(self.provider)
        propagators = [propagate.get_global_textmap(), trace_header.LoadBalancerPropagator()]
        propagate.set_global_textmap(CompositePropagator(propagators))
        for handler in logging.getLogger().handlers:
            handler.addFilter(add_ids)

    def until_shutdown(self, app: ASGIApp) -> ASGIApp:
        """Return `app`, which sends the last spans when it shuts down."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            async def watch(message: Message) -> None:
                if message["type"].startswith("lifespan.shutdown."):
                    # In a thread, as nothing else bounds it; the process may end before it does.
                    last = threading.Thread(target=self.provider.shutdown, daemon=True)
                    last.start()
                    last.join(LAST_TIME)
                await send(message)

            await app(scope, receive, watch if scope["type"] == "lifespan" else send)

        return traced

    def flushing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function`, whose spans have been sent when it returns."""

        @wraps(function)
        def flushed(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            finally:
                self.provider.force_flush()

        return flushed


class RequestSpans(SpanProcessor):
    """Notes the span of each request, and links it to Lambda's own trace of the invocation."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        if span.kind is not SpanKind.SERVER:
            return
        of_request.set(span.context)
        own = trace_header.of_invocation()
        if own.parent and own.sampled and own.trace != span.context.trace_id:
            span.add_link(own.context)


def add_ids(record: logging.LogRecord) -> bool:
    """Add `span_id` to what is logged of a request, and `trace_id` unless it is there."""
    current = trace.get_current_span().get_span_context()
    if not current.is_valid:
        current = of_request.get()
    if current.is_valid:
        record.span_id = f"{current.span_id:016x}"
        if not getattr(record, "trace_id", ""):
            record.trace_id = trace_header.written(current.trace_id)
    return True


def _resource(side: str) -> Resource:
    """Return what is said of all spans, beside what OpenTelemetry's own variables say."""
    found = {
        "cloud.provider": "aws",
        "cloud.platform": f"aws_{side}",
        "cloud.region": os.environ.get("AWS_REGION"),
        "faas.name": os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
        "faas.version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION"),
    }
    return Resource.create({name: value for name, value in found.items() if value})
