"""What the items do where AWS does not: a stand-in answers as it would."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.items.failures import Unavailable
from app.items.router import items_router
from app.settings import Settings

KEY = "k" * 64
ITEM = {"id": "lamp", "name": "A lamp", "quantity": 3}
CONDITION = "ConditionalCheckFailedException"


class Aws:
    """What it answers: `secret`, and for each operation a function of the request."""

    def __init__(self) -> None:
        self.secret: tuple[int, Any] = (200, {"SecretString": json.dumps({"cursor_key": KEY})})
        self.table: Callable[[dict[str, Any]], tuple[int, Any]] = lambda _: (200, {})
        self.asked: list[str] = []


def refusal(code: str, **more: Any) -> tuple[int, Any]:
    return 400, {"__type": f"com.amazonaws#{code}", "message": "as AWS says it", **more}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    state = Aws()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            state.asked.append(operation)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = state.secret if "Secret" in operation else state.table(body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def statuses(*requests: tuple[str, str, Any]) -> list[int]:
    """Start the app, send the requests, end the app."""

    async def main() -> list[int]:
        app = FastAPI()
        app.include_router(items_router(Settings(items_table="things", app_secret="keys")))  # noqa: S106

        async with app.router.lifespan_context(app) as state:

            async def started(scope: Any, receive: Any, send: Any) -> None:
                await app(scope | {"state": dict(state or {})}, receive, send)

            transport = httpx.ASGITransport(started)
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                return [
                    (await client.request(method, path, json=body)).status_code
                    for method, path, body in requests
                ]

    return asyncio.run(main())


@pytest.mark.parametrize(
    "code", ["ResourceNotFoundException", "AccessDeniedException", "ExpiredTokenException"]
)
def test_a_refusal_is_a_503_and_one_line_that_names_the_table(
    aws: Aws, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    aws.table = lambda _: refusal(code)
    assert statuses(("GET", "/items/lamp", None)) == [503]
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert line.startswith(f"The table things in eu-west-1: get_item failed: {code}: as AWS says")


def test_a_throttled_table_is_asked_three_times(aws: Aws) -> None:
    aws.table = lambda _: refusal("ProvisionedThroughputExceededException")
    assert statuses(("POST", "/items", ITEM)) == [503]
    assert aws.asked.count("PutItem") == 3


def test_a_write_whose_answer_was_lost_recognises_itself(aws: Aws) -> None:
    written: list[Any] = []

    def table(body: dict[str, Any]) -> tuple[int, Any]:
        written.append(body["Item"])
        if len(written) == 1:
            return 500, {"__type": "InternalServerError", "message": "lost"}
        return refusal(CONDITION, Item=written[0])

    aws.table = table
    assert statuses(("POST", "/items", ITEM), ("POST", "/items", ITEM)) == [201, 409]


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (refusal("ResourceNotFoundException"), "get_secret_value failed: ResourceNotFound"),
        (refusal("AccessDeniedException"), "get_secret_value failed: AccessDeniedException"),
        ((200, {"SecretString": "hush, not JSON"}), "it is not JSON"),
        ((200, {"SecretString": '{"cursor_key": "hush"}'}), "cursor_key: "),
        ((200, {"SecretString": '{"other": "hush"}'}), "cursor_key: Field required"),
        ((200, {"SecretBinary": "aHVzaA=="}), "it is not JSON"),
    ],
)
def test_a_secret_that_is_none_ends_the_start_and_is_not_shown(
    aws: Aws, caplog: pytest.LogCaptureFixture, secret: tuple[int, Any], words: str
) -> None:
    aws.secret = secret
    with pytest.raises(Unavailable) as error:
        statuses()
    assert "The secret keys" in str(error.value) and words in str(error.value)
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert line == f"The app cannot start. {error.value}"
    assert "hush" not in line
