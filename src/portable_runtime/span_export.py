"""Where spans go: to the X-Ray daemon of a sandbox, or to a collector."""

import base64
import logging
import os
import socket
import time
from collections.abc import Sequence

from opentelemetry import context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

logger = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
TIMEOUTS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
TIMEOUT = 2.0  # seconds that a collector has for its answer, where no variable says it
PAUSE = 30.0  # seconds for which one that gave none is not asked again
DAEMON = "127.0.0.1:2000"
MOST_BYTES = 65_507  # of a datagram


def processor(side: str) -> SpanProcessor:
    """Return what takes the spans of `side`, `lambda` or `ecs`, when they end."""
    collector = any(os.environ.get(name) for name in ENDPOINTS)
    if side != "lambda":
        return BatchSpanProcessor(Reported(_to_collector()))
    if collector:
        return Held(Reported(_to_collector()))
    return Held(ToDaemon(os.environ.get("AWS_XRAY_DAEMON_ADDRESS") or DAEMON))


def _to_collector() -> SpanExporter:
    """Return OpenTelemetry's own exporter, which reads its own variables."""
    # Imported here: a sandbox that has the daemon needs neither it nor its HTTP client.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    # It tells each attempt. `Reported` tells the first one.
    logging.getLogger(OTLPSpanExporter.__module__).setLevel(logging.CRITICAL)
    given = any(os.environ.get(name) for name in TIMEOUTS)
    return OTLPSpanExporter(timeout=None if given else TIMEOUT)


class ToDaemon(SpanExporter):
    """Sends spans to the X-Ray daemon, which is outside of the sandbox and has them at once.

    Its address is `HOST:PORT`, of UDP: nobody waits for an answer, and none comes. The format is
    the one of AWS's own distribution of OpenTelemetry for Lambda: a line of JSON, `T1S` for what
    has been sampled, and OTLP in base64.
    https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon
    """

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self.address = (host, int(port))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans, in as many datagrams as they take."""
        data = encode_spans(spans).SerializeToString()
        message = b'{"format":"json","version":1}\nT1S' + base64.b64encode(data)
        if len(message) > MOST_BYTES and len(spans) > 1:
            half = len(spans) // 2
            results = (self.export(spans[:half]), self.export(spans[half:]))
            return max(results, key=lambda result: result.value)
        try:
            self.socket.sendto(message, self.address)
        except OSError as error:
            logger.warning("A span is lost: %s.", error)
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.socket.close()


class Reported(SpanExporter):
    """Passes spans on to `exporter`. Says once that they are lost, until they arrive again.

    Then it loses them without an attempt for `PAUSE`: a collector that is gone costs `TIMEOUT` in
    that time, and no more.
    """

    lost = False
    again_at = 0.0  # seconds of the monotonic clock

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.lost and time.monotonic() < self.again_at:
            return SpanExportResult.FAILURE
        result = self.exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.lost = False
            return result
        if not self.lost:
            logger.warning("Spans are lost: the collector does not take them.")
        self.lost, self.again_at = True, time.monotonic() + PAUSE
        return result

    def shutdown(self) -> None:
        self.exporter.shutdown()


class Held(SpanProcessor):
    """Keeps spans until the end of the invocation, when all of them are sent.

    Not later, as the sandbox is frozen then, and not in a thread, which is frozen with it.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        if span.context.trace_flags.sampled:
            self.spans.append(span)

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what there is."""
        spans, self.spans = self.spans, []
        if not spans:
            return True
        # As OpenTelemetry's own processors: sending spans makes none.
        token = context.attach(context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            return self.exporter.export(spans) is SpanExportResult.SUCCESS
        finally:
            context.detach(token)

    def shutdown(self) -> None:
        self.force_flush()
        self.exporter.shutdown()
