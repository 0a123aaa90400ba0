"""What SIGTERM does to one server with keep-alive connections, nobody having deregistered it."""

import signal
import socket
import subprocess
import threading
from contextlib import AbstractContextManager
from http.client import HTTPConnection, HTTPException, HTTPResponse

from tests.runtime import server_process
from tests.runtime.server_process import ROOT, until


def serving(**variables: str) -> AbstractContextManager[tuple[subprocess.Popen[str], int]]:
    """A server of the sample app."""
    folders = (ROOT, ROOT / "src")
    return server_process.serving("tests.portable.sample_app:app", *folders, **variables)


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
