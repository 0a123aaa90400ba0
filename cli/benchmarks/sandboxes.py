"""Sandboxes: a form behind the runtime emulator, or behind a runtime API of this process."""

import http.client
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from benchmarks.lambda_forms import FOLDERS, ROOT, Form
from benchmarks.processes import end_session, free_port, wait_for

INVOKE_PATH = "/2015-03-31/functions/function/invocations"
TIMEOUT = 60.0  # seconds that a sandbox may take for one answer


class NoAnswer(Exception):
    """A sandbox ended, hung or failed."""


class Emulated:
    """A sandbox under AWS's emulator, which starts the form at the first event."""

    def __init__(self, form: Form, port: int, process: subprocess.Popen[bytes]) -> None:
        self.form = form
        self.process = process
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)

    def invoke(self, event: bytes) -> bytes:
        """Return the result as JSON."""
        self.connection.request("POST", INVOKE_PATH, event)
        answer = self.connection.getresponse().read()
        if b'"statusCode":200' not in answer.replace(b" ", b""):
            raise NoAnswer(f"{self.form.name} answered {answer[:300]!r}.")
        return answer


class Server(ThreadingHTTPServer):
    """A server that does not mind when a sandbox is killed in the middle of a request."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the measure itself fails where an answer is missing."""


class Bare:
    """A sandbox whose runtime API is here: nothing but the form's own process takes time."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.events: SimpleQueue[bytes | None] = SimpleQueue()
        self.results: SimpleQueue[tuple[float, str, bytes]] = SimpleQueue()
        self.server = Server(("127.0.0.1", 0), _runtime_api(self))
        self.thread = Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        address = f"127.0.0.1:{self.server.server_address[1]}"
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            form.command,
            cwd=FOLDERS[0],
            env=form.environment | {"AWS_LAMBDA_RUNTIME_API": address},
            stdout=subprocess.DEVNULL,
        )

    def invoke(self, event: bytes) -> float:
        """Return the time at which the result was there, on the clock of `time.perf_counter`."""
        self.events.put(event)
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                moment, path, result = self.results.get(timeout=1)
            except Empty:
                if self.process.poll() is None and time.monotonic() < deadline:
                    continue
                raise NoAnswer(f"{self.form.name} gave no result.") from None
            if path.endswith("/response") and b'"statusCode"' in result:
                return moment
            raise NoAnswer(f"{self.form.name} posted {result[:300]!r} to {path}.")

    def close(self) -> None:
        """End the process, then its runtime API."""
        self.process.kill()
        self.process.wait()
        self.events.put(None)
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@contextmanager
def bare(form: Form) -> Iterator[Bare]:
    """Start `form`; end it when the context is left."""
    sandbox = Bare(form)
    try:
        yield sandbox
    finally:
        sandbox.close()


@contextmanager
def emulated(form: Form) -> Iterator[Emulated]:
    """Start the emulator with `form`; end both when the context is left."""
    port = free_port()
    options = [
        *("--log-level", "error"),
        *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{free_port()}"),
    ]
    process = subprocess.Popen(
        [emulator(), *options, *form.command],
        cwd=FOLDERS[0],
        env=form.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(port, process)
        sandbox = Emulated(form, port, process)
        yield sandbox
        sandbox.connection.close()
    finally:
        end_session(process)


@cache
def emulator() -> str:
    """Return the path of the emulator, which the project's own environment brings."""
    script = "from portable.local.launch.emulator import emulator; print(emulator())"
    command = [str(ROOT / ".venv/bin/python"), "-c", script]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _runtime_api(sandbox: Bare) -> type[BaseHTTPRequestHandler]:
    """https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html"""

    class RuntimeAPI(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # headers and body in one packet, or the kernel waits between them
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            event = sandbox.events.get()
            if event is None:
                return
            deadline = int((time.time() + 30) * 1000)
            headers = {
                "Lambda-Runtime-Aws-Request-Id": "00000000-0000-4000-8000-000000000000",
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:::function:function",
                "Content-Type": "application/json",
            }
            self.answer(200, event, headers)

        def do_POST(self) -> None:
            result = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sandbox.results.put((time.perf_counter(), self.path, result))
            self.answer(202, b"", {})

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return RuntimeAPI
