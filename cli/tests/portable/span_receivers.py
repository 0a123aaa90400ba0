"""Stand-ins for what takes spans in AWS: the X-Ray daemon of a sandbox, the collector of a task."""

import base64
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

LIMIT = 30.0  # seconds


@dataclass(frozen=True)
class Received:
    """A span. Ids are in hexadecimal digits; `attributes` are those of its resource, too."""

    name: str
    trace: str
    span: str
    parent: str
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    failed: bool


class Receiver:
    """The spans that have come so far, and the size of each message with them."""

    address = ""  # HOST:PORT

    def __init__(self) -> None:
        self.spans: list[Received] = []
        self.sizes: list[int] = []

    def take(self, message: bytes) -> None:
        """Read OTLP: https://opentelemetry.io/docs/specs/otlp/"""
        self.sizes.append(len(message))
        for resource in ExportTraceServiceRequest.FromString(message).resource_spans:
            common = attributes(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [
                    Received(
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        common | attributes(span.attributes),
                        tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                        span.status.code == span.status.STATUS_CODE_ERROR,
                    )
                    for span in scope.spans
                ]

    def wait(self, number: int) -> list[Received]:
        """Return the spans once there are `number`; fail if they do not come."""
        wait_for(lambda: len(self.spans) >= number)
        return list(self.spans)

    def requests(self) -> list[Received]:
        """Return the spans of requests, which have a status."""
        return [span for span in self.spans if "http.response.status_code" in span.attributes]


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, f"it has not come in {LIMIT:g} seconds"
        time.sleep(0.02)


@contextmanager
def daemon() -> Iterator[Receiver]:
    """The X-Ray daemon: UDP, a line of JSON before what is sent."""
    receiver = Receiver()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        receiver.address = f"127.0.0.1:{endpoint.getsockname()[1]}"

        def take() -> None:
            while message := endpoint.recv(65_536):
                head, _, data = message.partition(b"\n")
                assert (head, data[:3]) == (b'{"format":"json","version":1}', b"T1S")
                receiver.take(base64.b64decode(data[3:], validate=True))

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield receiver
        finally:
            endpoint.sendto(b"", endpoint.getsockname())
            thread.join(LIMIT)


@contextmanager
def collector() -> Iterator[Receiver]:
    """A collector: OTLP over HTTP."""
    receiver = Receiver()

    class Endpoint(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            receiver.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        server.daemon_threads = True
        receiver.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join(LIMIT)
