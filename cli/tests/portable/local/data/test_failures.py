"""What a request meets on each side where the table does not answer as it should."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from tests.portable.load import wait_until
from tests.portable.local.data.test_shared import ITEM, SIDE, dynamodb
from tests.portable.local_run import LocalRun, local_run

TABLE = "portable-api-test-ItemsTable"
SILENCE = "none"


class Front(ThreadingHTTPServer):
    """A server in front of moto, which answers itself with the error `code`, if that is set."""

    daemon_threads = True

    def __init__(self, behind: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = behind
        self.code = ""
        self.ended = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Front

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = self.answer(body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with suppress(BrokenPipeError):  # who asked waits no longer
            self.wfile.write(answer)

    def answer(self, body: bytes) -> tuple[int, bytes]:
        code = self.server.code
        if not code:
            connection = HTTPConnection(*self.server.behind)
            connection.request("POST", self.path, body, dict(self.headers))
            response = connection.getresponse()
            answer = response.read()
            connection.close()
            return response.status, answer
        if code == SILENCE:
            self.server.ended.wait(60)
        return 400, json.dumps({"__type": f"com.amazonaws#{code}", "message": "no"}).encode()

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture(scope="module")
def front() -> Iterator[Front]:
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    with Front(moto.get_host_and_port()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()
    moto.stop()


@pytest.fixture(scope="module")
def run(front: Front) -> Iterator[LocalRun]:
    with local_run("--data-endpoint", front.url) as run:
        yield run


@pytest.fixture(scope="module", params=["lambda", "fargate"])
def side(request: pytest.FixtureRequest, run: LocalRun) -> str:
    run.shift(request.param)
    return str(request.param)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ResourceNotFoundException", "ResourceNotFoundException: no."),
        ("AccessDeniedException", "AccessDeniedException: no."),
        ("ExpiredTokenException", "ExpiredTokenException: no."),
        ("ProvisionedThroughputExceededException", "ProvisionedThroughputExceededException: no."),
        (SILENCE, "Read timeout on endpoint URL"),
    ],
)
def test_a_write_is_a_503_with_one_line_and_leaves_nothing(
    run: LocalRun, front: Front, side: str, code: str, words: str
) -> None:
    def lines() -> int:
        line = f"The table {TABLE} in us-east-1: put_item failed: {words}"
        return sum(line in each for each in run.out + run.err)

    before = lines()
    with run.client() as client:
        front.code = code
        refused = client.post("/items", json=ITEM)
        front.code = ""
        assert (refused.status_code, refused.headers[SIDE]) == (503, side)
        assert client.get("/items").json()["items"] == []
    wait_until(lambda: lines() > before)
    assert lines() == before + 1
    assert dynamodb(front.url).scan(TableName=TABLE)["Count"] == 0
