"""Tracing: what TRACING adds to a cold start, and to a request of either side."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks import servers
from benchmarks.lambda_forms import EVENT, Form, ours
from benchmarks.measure import Measure, Sampler
from benchmarks.sandboxes import Bare, bare

# Each with its app and its variables.
FORMS = {
    "off": ("logged:app", {}),
    "on": ("logged:app", {"TRACING": "true"}),
    "on, one span a request": ("traced:app", {"TRACING": "true"}),
}
FLOOR = "off"
# With the packages of the benchmarks, which have the SDK.
SANDBOXES = [
    replace(ours(name, app, **variables), python=sys.executable)
    for name, (app, variables) in FORMS.items()
]
HOW = """\
The app answers, writes its line and does nothing else. `off` has OpenTelemetry's SDK in its
environment and does not import it. The figure is CPU time of the process, """
DAEMON = "The port of the X-Ray daemon, where spans go, is one where nobody listens."


def cpu(pid: int) -> float:
    """Return the microseconds of CPU time of a process, threads that have ended included."""
    return time.clock_gettime((~pid << 3) | 2) * 1e6  # the clock of clock_getcpuclockid(3)


def first(form: Form) -> float:
    """Return the milliseconds that a new sandbox takes for its first event."""
    with bare(form) as sandbox:
        sandbox.invoke(EVENT)
        return cpu(sandbox.process.pid) / 1e3


def events(sandbox: Bare, number: int) -> float:
    """Return the microseconds that one event takes."""
    before = cpu(sandbox.process.pid)
    for _ in range(number):
        sandbox.invoke(EVENT)
    return (cpu(sandbox.process.pid) - before) / number


def requests(serving: servers.Serving, number: int) -> float:
    """Return the microseconds that one request takes, with the sending of its spans."""
    connection = HTTPConnection("127.0.0.1", serving.port)
    before = cpu(serving.process.pid)
    for _ in range(number):
        connection.request("GET", "/")
        connection.getresponse().read()
    connection.close()
    return (cpu(serving.process.pid) - before) / number


class Collector(BaseHTTPRequestHandler):
    """Takes all that comes."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Say that it has arrived."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def cold_starts(quick: bool) -> Iterator[dict[str, Sampler]]:
    """Sample one cold start of each form."""
    yield {form.name: partial(first, form) for form in SANDBOXES}


@contextmanager
def sandboxes(quick: bool) -> Iterator[dict[str, Sampler]]:
    """Sample many events of one sandbox of each form."""
    with ExitStack() as stack:
        started = {form.name: stack.enter_context(bare(form)) for form in SANDBOXES}
        yield {name: partial(events, each, 30 if quick else 300) for name, each in started.items()}


@contextmanager
def tasks(quick: bool) -> Iterator[dict[str, Sampler]]:
    """Sample many requests to one task of each form, which has a collector."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        collector.daemon_threads = True
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{collector.server_port}"
        common = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        made = [
            replace(
                servers.ours(name, app, **common, **variables),
                command=lambda port: [sys.executable, "-m", "portable_runtime.server"],
            )
            for name, (app, variables) in FORMS.items()
        ]
        count = 50 if quick else 2000  # less is less than a tick of the clock
        try:
            with servers.serving(made) as started:
                yield {name: partial(requests, each, count) for name, each in started.items()}
        finally:
            collector.shutdown()


MEASURES = [
    Measure(
        name="tracing-cold-start",
        title="Tracing: process start to first answer",
        unit="ms",
        floor=FLOOR,
        how=f"{HOW}from its start on. {DAEMON}",
        start=cold_starts,
        rounds=20,
    ),
    Measure(
        name="tracing-sandbox",
        title="Tracing: one request on Lambda",
        unit="µs",
        floor=FLOOR,
        how=f"{HOW}with that of the runtime client. {DAEMON}",
        start=sandboxes,
        rounds=20,
    ),
    Measure(
        name="tracing-task",
        title="Tracing: one request on Fargate",
        unit="µs",
        floor=FLOOR,
        how=f"{HOW}with that of sending spans to a collector, ten times a second.",
        start=tasks,
        rounds=20,
    ),
]
