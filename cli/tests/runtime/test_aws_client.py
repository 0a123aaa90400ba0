"""The handler under AWS's own runtime client, as on an AWS base image."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.runtime.server_process import ROOT

EVENT = (ROOT / "tests/events/alb-get.json").read_bytes()


class RuntimeAPI(ThreadingHTTPServer):
    """One event, and none after it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Calls)
        self.events = [EVENT]
        self.results: list[bytes] = []
        self.waiting = threading.Event()
        self.ended = threading.Event()


class Calls(BaseHTTPRequestHandler):
    """GET next, POST response."""

    server: RuntimeAPI

    def do_GET(self) -> None:
        if not self.server.events:
            self.server.waiting.set()
            self.server.ended.wait(60)
            return
        body = self.server.events.pop()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "invocation-1")
        self.send_header("Lambda-Runtime-Deadline-Ms", "9999999999999")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.server.results.append(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def runtime_api() -> Iterator[RuntimeAPI]:
    api = RuntimeAPI()
    thread = threading.Thread(target=api.serve_forever)
    thread.start()
    try:
        yield api
    finally:
        api.ended.set()
        api.shutdown()
        thread.join()
        api.server_close()


@pytest.mark.parametrize("environment", ["", "AWS_Lambda_python3.13"])
def test_sigterm_runs_the_shutdown_there_too(environment):
    """With the name of a runtime the client waits in a thread, without it does not."""
    with (
        runtime_api() as api,
        subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "portable_runtime.lambda_handler.handler"],
            env={
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
                "AWS_EXECUTION_ENV": environment,
                "EXECUTION_ENVIRONMENT": "lambda",
                "PATH": os.environ["PATH"],
            },
            stdout=subprocess.PIPE,
            text=True,
        ) as sandbox,
    ):
        try:
            assert api.waiting.wait(30)
            sandbox.send_signal(signal.SIGTERM)
            out, _ = sandbox.communicate(timeout=30)
        finally:
            sandbox.kill()
    assert (b'\\"Hello from lambda\\"' in api.results[0], sandbox.returncode) == (True, 0)
    assert "Application stopped." in out
