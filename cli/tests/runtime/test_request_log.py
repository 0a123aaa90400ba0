"""One line per request."""

import asyncio
import json
import logging
import re
import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from portable_runtime.logs import configure_logging
from portable_runtime.request_log import RequestLog

FIELDS = [
    "timestamp",
    "level",
    "message",
    "target",
    "version",
    "logger",
    "request_id",
    "trace_id",
    "client",
    "method",
    "path",
    "status",
    "duration_ms",
]


@pytest.fixture(autouse=True)
def restored_logging():
    """Leave the root logger as it was."""
    root, mangum = logging.getLogger(), logging.getLogger("mangum")
    before = (root.level, root.handlers[:], mangum.level)
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    mangum.setLevel(before[2])


async def say_ok(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def call(app: Any, level: str = "INFO", **scope: Any) -> list[dict[str, Any]]:
    """Send one request through the middleware; return what the server gets."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    configure_logging(level, "ecs")
    base = {"type": "http", "method": "PUT", "path": "/a b", "headers": []}
    asyncio.run(RequestLog(app)(base | scope, None, send))
    return sent


def test_request_line(capsys):
    headers = [(b"host", b"x"), (b"x-amzn-trace-id", b"Root=1-a-b")]
    sent = call(say_ok, headers=headers, client=("203.0.113.7", 0))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    out, err = capsys.readouterr()
    line = json.loads(out)
    assert (list(line), err, out.count("\n")) == (FIELDS, "", 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("timestamp"))
    assert re.fullmatch(r"[0-9a-f-]{36}", line.pop("request_id"))
    assert line.pop("duration_ms") >= 0
    assert line == {
        "level": "INFO",
        "message": "PUT /a b 201",
        "target": "ecs",
        "version": "",
        "logger": "portable_runtime.request_log",
        "trace_id": "Root=1-a-b",
        "client": "203.0.113.7",
        "method": "PUT",
        "path": "/a b",
        "status": 201,
    }


def test_the_request_id_is_the_invocations_on_lambda(capsys):
    call(say_ok, **{"aws.context": SimpleNamespace(aws_request_id="invocation-1")})
    line = json.loads(capsys.readouterr().out)
    assert (line["request_id"], line["trace_id"]) == ("invocation-1", "")


def test_the_version_is_the_functions_on_lambda(monkeypatch, capsys):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_VERSION", "12")
    call(say_ok)
    assert json.loads(capsys.readouterr().out)["version"] == "12"


def test_each_request_has_an_id_of_its_own_elsewhere(capsys):
    configure_logging("INFO", "ecs")
    log = RequestLog(say_ok)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}

    async def send(message: dict[str, Any]) -> None:
        pass

    for each in (log, log, RequestLog(say_ok)):
        asyncio.run(each(scope, None, send))
    lines = capsys.readouterr().out.splitlines()
    ids = {uuid.UUID(json.loads(line)["request_id"]) for line in lines}
    assert (len(ids), {each.version for each in ids}) == (3, {4})


@pytest.mark.parametrize(
    ("status", "level"),
    [(200, "INFO"), (404, "INFO"), (499, "INFO"), (500, "ERROR"), (503, "ERROR")],
)
def test_level(capsys, status, level):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})

    call(app)
    assert json.loads(capsys.readouterr().out)["level"] == level


def test_an_exception_is_a_500_and_goes_on(capsys):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        call(app)
    line = json.loads(capsys.readouterr().out)
    assert (line["status"], line["level"]) == (500, "ERROR")


@pytest.mark.parametrize("scope_type", ["lifespan", "websocket"])
def test_other_scopes_pass(capsys, scope_type):
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    call(app, type=scope_type)
    assert (seen, capsys.readouterr().out) == ([scope_type], "")


def test_a_request_that_is_given_up_is_a_504(capsys):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        call(app)
    assert json.loads(capsys.readouterr().out)["status"] == 504


def test_a_filter_adds_a_field(capsys):
    def add(record: logging.LogRecord) -> bool:
        record.tenant = "a"
        return True

    logger = logging.getLogger("portable_runtime.request_log")
    logger.addFilter(add)
    try:
        call(say_ok)
    finally:
        logger.removeFilter(add)
    assert json.loads(capsys.readouterr().out)["tenant"] == "a"


def test_no_request_lines_above_info(capsys):
    call(say_ok, level="WARNING")
    assert capsys.readouterr().out == ""


def test_control_characters_do_not_break_the_line(capsys):
    call(say_ok, path='/a\n{"level": "forged"}', headers=[(b"x-amzn-trace-id", b"\xff")])
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["path"].startswith("/a\n")
