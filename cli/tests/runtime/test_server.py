"""The Fargate side, started as its image starts it."""

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.runtime import server_process
from tests.runtime.server_process import until

APP = """
import asyncio

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            print(message["type"])
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/slow":
        print("slow")
        await asyncio.sleep(0.3)
    body = f"{scope['client'][0]} {scope['scheme']}".encode()
    status = 204 if scope["path"] == "/empty" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    if scope["path"] == "/begun":
        return
    await send({"type": "http.response.body", "body": body})
    if scope["path"] == "/after":
        raise RuntimeError("after the response")
"""


@contextmanager
def serving(folder: Path, **variables: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server of the app above."""
    (folder / "users_app.py").write_text(APP)
    with server_process.serving("users_app:app", folder, **variables) as running:
        yield running


def get(port: int, path: str = "/", **headers: str) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("GET", path, headers=named)
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response, body


@pytest.mark.parametrize(
    ("trusted", "client"),
    [
        ("127.0.0.0/24", "203.0.113.7 https"),
        ("10.0.0.0/24,127.0.0.1/32", "203.0.113.7 https"),
        ("10.0.0.0/24", "127.0.0.1 http"),
        # The same as on Lambda also where the client is in one of these networks.
        ("127.0.0.0/24,203.0.113.0/24", "203.0.113.7 https"),
    ],
)
def test_the_client_is_the_address_that_the_load_balancer_added(tmp_path, trusted, client):
    """The left-most one is the client's own invention."""
    with serving(tmp_path, FORWARDED_ALLOW_IPS=trusted) as (_, port):
        forged = {"X_Forwarded_For": "6.6.6.6, 203.0.113.7", "X_Forwarded_Proto": "https"}
        response, body = get(port, **forged)
        assert body == client
        assert response.headers["server"] is None


def test_sigterm_finishes_what_is_in_flight(tmp_path):
    with serving(tmp_path) as (server, port), socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        until(server, "slow")
        server.send_signal(signal.SIGTERM)
        answer = b""
        while data := peer.recv(4096):
            answer += data
        assert answer.startswith(b"HTTP/1.1 200 ")
        until(server, "lifespan.shutdown")
        server.wait(20)


def test_headers_as_large_as_the_load_balancers(tmp_path):
    with serving(tmp_path) as (_, port):
        response, _ = get(port, **{f"X_{number}": "a" * 15_000 for number in range(4)})
        assert response.status == 200


def test_the_projects_own_app_and_its_log(tmp_path):
    with serving(tmp_path, ASGI_APP="app.main:app") as (server, port):
        response, body = get(port, X_Amzn_Trace_Id="Root=1-a-b")
        assert (response.status, body) == (200, '"Hello from ecs"')
        line = json.loads(until(server, "duration_ms"))
        assert (line["target"], line["trace_id"], line["path"]) == ("ecs", "Root=1-a-b", "/")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "EXECUTION_ENVIRONMENT is not set: it should be 'lambda' or 'ecs'."),
        ({"PORT": "x", "EXECUTION_ENVIRONMENT": "ecs"}, "PORT is 'x': "),
        (
            {"ASGI_APP": "nothing:app", "EXECUTION_ENVIRONMENT": "ecs"},
            "ASGI_APP is 'nothing:app': there is no module 'nothing'.",
        ),
    ],
)
def test_a_bad_setting_is_one_sentence_and_status_1(variables, message):
    command = [sys.executable, "-m", "portable_runtime.server"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


def test_a_fault_after_the_response_costs_no_other_request_its_connection(tmp_path):
    with serving(tmp_path, FORWARDED_ALLOW_IPS="127.0.0.0/24") as (process, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/after")
        assert connection.getresponse().read()
        logged = until(process, "after the response")
        first = connection.sock
        connection.request("GET", "/")  # on the same connection
        assert connection.getresponse().status == 200
        assert connection.sock is first
        connection.close()
    assert json.loads(logged)["level"] == "ERROR"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("HEAD", "/begun", 200), ("GET", "/empty", 204)]
)
def test_a_response_that_is_its_head_costs_no_other_request_its_connection(
    tmp_path, method, path, status
):
    """The app does not end it, or sends a body, too: the server would close the connection."""
    with serving(tmp_path, FORWARDED_ALLOW_IPS="127.0.0.0/24") as (_, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request(method, path)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (status, b"")
        first = connection.sock
        for _ in range(20):
            connection.request("GET", "/")
            assert connection.getresponse().read()
            assert connection.sock is first
        connection.close()
