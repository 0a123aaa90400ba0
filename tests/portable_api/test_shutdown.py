"""What SIGTERM does to one server with keep-alive connections, nobody having deregistered it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path

from portable.local.processes import free_port

ROOT = Path(__file__).parents[2]


@contextmanager
def serving(**variables: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server of the sample app in a process of its own, ready for requests."""
    port = free_port()
    environment = {
        "EXECUTION_ENVIRONMENT": "ecs",
        "ASGI_APP": "tests.portable.sample_app:app",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "src"))),
        "PYTHONUNBUFFERED": "1",
        **variables,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "portable_api.server"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            until(server, "Uvicorn running on")
            yield server, port
        finally:
            server.kill()


def until(server: subprocess.Popen[str], text: str) -> None:
    for line in server.stdout:
        if text in line:
            return
    raise AssertionError(f"the server ended before it wrote {text!r}")


class Client(threading.Thread):
    """Asks over one connection until it is closed; every answer that begins has to be whole."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__()
        self.connection = HTTPConnection("127.0.0.1", port, timeout=20)
        self.path = path
        self.answers: list[HTTPResponse] = []
        self.answered = threading.Event()
        self.fault: Exception | None = None

    def run(self) -> None:
        while True:
            try:
                self.connection.request("GET", self.path)
                answer = self.connection.getresponse()
            except (OSError, HTTPException):
                return self.connection.close()  # it was closed before an answer began
            try:
                answer.read()
            except (OSError, HTTPException) as error:
                self.fault = error
                return self.connection.close()
            self.answers.append(answer)
            self.answered.set()
            if answer.will_close:
                return self.connection.close()


def test_under_keep_alive_load_every_answer_that_begins_is_whole():
    with serving() as (server, port):
        clients = [Client(port, path) for path in ("/bytes/100000", "/pid", "/stream") * 3]
        for client in clients:
            client.start()
        for client in clients:
            assert client.answered.wait(20)
        server.send_signal(signal.SIGTERM)
        for client in clients:
            client.join(20)
            assert not client.is_alive()
            assert client.fault is None
            assert {answer.status for answer in client.answers} == {200}
        server.wait(20)
        with socket.socket() as late:
            assert late.connect_ex(("127.0.0.1", port)) != 0, "nobody listens any more"


def test_idle_keep_alive_connections_do_not_hold_it_up():
    with serving(GRACEFUL_SHUTDOWN_SECONDS="3600") as (server, port):
        idle = HTTPConnection("127.0.0.1", port, timeout=20)
        idle.request("GET", "/pid")
        idle.getresponse().read()
        server.send_signal(signal.SIGTERM)
        server.wait(20)
        assert idle.sock.recv(1) == b""
        idle.close()


def test_a_request_that_outlasts_the_graceful_shutdown_is_cut_off():
    with (
        serving(GRACEFUL_SHUTDOWN_SECONDS="1") as (server, port),
        socket.create_connection(("127.0.0.1", port), timeout=20) as peer,
    ):
        peer.sendall(b"GET /sleep/3600 HTTP/1.1\r\nHost: x\r\n\r\n")
        until(server, "sleeping 3600")
        server.send_signal(signal.SIGTERM)
        server.wait(20)
        assert not peer.recv(4096).startswith(b"HTTP/1.1 200 ")
