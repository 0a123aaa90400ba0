"""What a request may take on the Fargate side, over real sockets."""

import json
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.runtime import server_process
from tests.runtime.server_process import until

APP = """
import asyncio
import time
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from portable_runtime.request_log import RequestLog

app = FastAPI()
app.add_middleware(RequestLog)

@app.post("/json")
async def parsed(body: list[int]) -> int:
    return len(body)

@app.post("/read")
async def read(request: Request) -> int:
    return len(await request.body())

@app.get("/ignored")
async def ignored() -> str:
    return "ok"

@app.get("/slow")
async def slow() -> str:
    print("slow", flush=True)
    await asyncio.sleep(3600)

@app.get("/thread")
def thread() -> str:
    time.sleep(2)
    print("the thread ran on", flush=True)

@app.get("/stream")
async def stream() -> StreamingResponse:
    async def parts():
        for _ in range(3):
            yield b"part"
            await asyncio.sleep(0.7)
    return StreamingResponse(parts())

@app.head("/status/{status}")
@app.get("/status/{status}")
async def status(status: int) -> Response:
    return Response(status_code=status)

@app.get("/interrupt")
def interrupt() -> str:
    raise KeyboardInterrupt

@app.get("/exits")
async def exits() -> str:
    raise BaseException("not an Exception")

async def raw(scope, receive, send):
    if scope["type"] == "http":
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})
"""


@contextmanager
def serving(
    folder: Path, app: str = "app", **variables: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server of one of the apps above."""
    (folder / "users_app.py").write_text(APP)
    with server_process.serving(f"users_app:{app}", folder, **variables) as running:
        yield running


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """A server with small limits."""
    limits = {"MAX_BODY_BYTES": "1000", "REQUEST_TIMEOUT_SECONDS": "1", "KEEP_ALIVE_SECONDS": "2"}
    with serving(tmp_path_factory.mktemp("app"), **limits) as (server, port):
        reader = threading.Thread(target=deque, args=(server.stdout, 0))  # or the pipe fills up
        reader.start()
        yield port
        server.kill()
        reader.join()


def ask(
    port: int, method: str = "GET", path: str = "/", body: object = None, **headers: str
) -> tuple[HTTPResponse, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response, response.read().decode()


def exchange(port: int, sent: bytes) -> bytes:
    """Send bytes and nothing more; return all that comes until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        peer.sendall(sent)
        answer = b""
        while data := peer.recv(65536):
            answer += data
        return answer


@pytest.mark.parametrize("path", ["/read", "/json", "/nothing"])
def test_a_length_over_the_limit_is_refused_before_the_body_is_read(port, path):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 400000000\r\n\r\n"
    answer = exchange(port, head.encode())  # which ends: nobody waits for the body for ever
    assert answer.startswith(b"HTTP/1.1 413 ") and answer.endswith(b"\r\n\r\nContent Too Large")


def test_a_body_within_the_limit_arrives(port):
    response, body = ask(port, "POST", "/read", b"x" * 1000)
    assert (response.status, body) == (200, "1000")
    response, body = ask(port, "POST", "/read", iter([b"x" * 500] * 2))
    assert (response.status, body) == (200, "1000")


@pytest.mark.parametrize("path", ["/read", "/json"])
def test_a_body_without_a_length_is_cut_off(port, path):
    headers = {"Content-Type": "application/json"}
    response, body = ask(port, "POST", path, iter([b"1" * 500] * 3), **headers)
    assert (response.status, body) == (413, "Content Too Large")


def test_an_app_that_is_not_fastapis_is_cut_off_too(tmp_path):
    with serving(tmp_path, "raw", MAX_BODY_BYTES="10") as (_, port):
        assert ask(port, "POST", "/", iter([b"x" * 500] * 3))[0].status == 413
        assert ask(port, "POST", "/", iter([b"x" * 5] * 2))[0].status == 200


def test_a_response_that_does_not_begin_in_time_is_a_504(tmp_path):
    with serving(tmp_path, REQUEST_TIMEOUT_SECONDS="1") as (server, port):
        response, body = ask(port, path="/slow")
        assert (response.status, body) == (504, "Gateway Timeout")
        assert "GET /slow: given up after 1.0 seconds." in until(server, "given up")
        assert json.loads(until(server, "duration_ms"))["status"] == 504


def test_the_thread_of_a_def_route_runs_on_after_the_504(tmp_path):
    with serving(tmp_path, REQUEST_TIMEOUT_SECONDS="1") as (server, port):
        assert ask(port, path="/thread")[0].status == 504
        until(server, "the thread ran on")
        assert ask(port, path="/ignored")[0].status == 200


def test_a_stream_goes_on(port):
    assert ask(port, path="/stream")[1] == "part" * 3


def test_a_body_that_stalls_is_a_504_and_the_end_of_the_connection(port):
    answer = exchange(port, b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
    assert answer.startswith(b"HTTP/1.1 504 ")


def test_more_requests_than_the_limit_are_a_503_and_health_checks_are_none(tmp_path):
    with serving(tmp_path, LIMIT_CONCURRENCY="2", REQUEST_TIMEOUT_SECONDS="3600") as (server, port):
        forwarded = {"X-Forwarded-For": "203.0.113.7"}
        waiting = [HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(2)]
        for connection in waiting:
            connection.request("GET", "/slow", headers=forwarded)
            until(server, "slow")
        response, body = ask(port, path="/ignored", **forwarded)
        assert (response.status, body) == (503, "Service Unavailable")
        assert response.headers["retry-after"] == "1"
        line = json.loads(until(server, "duration_ms"))
        assert (line["status"], line["client"]) == (503, "203.0.113.7")
        assert ask(port, path="/ignored")[0].status == 200
        for connection in waiting:
            connection.close()


def test_requests_that_ended_do_not_count(tmp_path):
    with serving(tmp_path, LIMIT_CONCURRENCY="1") as (_, port):
        for _ in range(5):
            assert ask(port, path="/ignored", **{"X-Forwarded-For": "203.0.113.7"})[0].status == 200


def test_who_goes_on_with_a_refused_body_is_cut_off(port):
    head = b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 400000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        peer.sendall(head)
        assert peer.recv(4096).startswith(b"HTTP/1.1 413 ")
        with pytest.raises(OSError):
            for _ in range(600):
                peer.sendall(b"x")
                time.sleep(0.1)


@pytest.mark.parametrize("size", [100_000, 5_000_000])
def test_a_head_over_the_limit_is_a_431(port, size):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        peer.sendall(b"GET /ignored HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 50_000)
        answer = b""
        with suppress(OSError):  # it may be closed before all is sent
            peer.sendall(b"\r\nY: " + b"a" * size + b"\r\n\r\n")
        with suppress(OSError):
            while data := peer.recv(65536):
                answer += data
    assert answer.startswith(b"HTTP/1.1 431 ") or (size == 5_000_000 and not answer)


@pytest.mark.parametrize("sent", [b"", b"GET /ignored HTTP/1.1\r\nHost: x\r\nX: "])
def test_a_head_that_never_comes_ends_the_connection(port, sent):
    assert exchange(port, sent) == b""


def test_an_unfinished_head_after_a_request_ends_the_connection(port):
    whole = b"GET /ignored HTTP/1.1\r\nHost: x\r\n\r\n"
    assert exchange(port, whole + b"GET /ignored HTTP/1.1\r\n").count(b"HTTP/1.1 200 ") == 1


def test_a_head_in_parts_is_read(port):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        for part in (b"GET /igno", b"red HTTP/1.1\r\nHo", b"st: x\r\n", b"\r\n"):
            peer.sendall(part)
            time.sleep(0.02)
        assert peer.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [100, 103, 199])
def test_a_status_that_is_no_response_is_a_500(port, method, status):
    assert ask(port, method, f"/status/{status}")[0].status == 500


@pytest.mark.parametrize("path", ["/interrupt", "/exits"])
def test_what_is_no_exception_is_a_500_and_the_server_lives_on(port, path):
    assert ask(port, path=path)[0].status == 500
    assert ask(port, path="/ignored")[0].status == 200
