"""One JSON line per record and per request."""

import asyncio
import io
import json
import logging
import re
import sys
import uuid
from types import SimpleNamespace
from typing import Any

import pytest

from portable_runtime.logs import JSONFormatter, RequestLog, configure_logging, timestamp

FIELDS = [
    "timestamp",
    "level",
    "message",
    "target",
    "version",
    "request_id",
    "trace_id",
    "method",
    "path",
    "status",
    "duration_ms",
]


@pytest.fixture(autouse=True)
def root_logger():
    """Leave the root logger as it was."""
    root, mangum = logging.getLogger(), logging.getLogger("mangum")
    before = (root.level, root.handlers[:], mangum.level)
    root.setLevel(logging.INFO)
    yield root
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    mangum.setLevel(before[2])


async def say_ok(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


def call(app: Any, **scope: Any) -> list[dict[str, Any]]:
    """Send one request through the middleware; return what the server gets."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    base = {"type": "http", "method": "PUT", "path": "/a b", "headers": []}
    asyncio.run(RequestLog(app, "ecs")(base | scope, None, send))
    return sent


def test_request_line(capsys):
    headers = [(b"host", b"x"), (b"x-amzn-trace-id", b"Root=1-a-b")]
    sent = call(say_ok, headers=headers)
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
        "trace_id": "Root=1-a-b",
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
    log = RequestLog(say_ok, "ecs")
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}

    async def send(message: dict[str, Any]) -> None:
        pass

    for each in (log, log, RequestLog(say_ok, "ecs")):
        asyncio.run(each(scope, None, send))
    lines = capsys.readouterr().out.splitlines()
    ids = {uuid.UUID(json.loads(line)["request_id"]) for line in lines}
    assert (len(ids), {each.version for each in ids}) == (3, {4})


def test_a_line_is_out_at_once_where_output_is_buffered(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    call(say_ok)
    assert json.loads(sys.stdout.buffer.getvalue())["status"] == 201


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


def test_no_request_lines_above_info(capsys, root_logger):
    root_logger.setLevel(logging.WARNING)
    call(say_ok)
    assert capsys.readouterr().out == ""


def test_control_characters_do_not_break_the_line(capsys):
    call(say_ok, path='/a\n{"level": "forged"}', headers=[(b"x-amzn-trace-id", b"\xff")])
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["path"].startswith("/a\n")


def test_records_of_all_loggers_are_json_lines(capsys):
    configure_logging("INFO", "lambda")
    logging.getLogger("library").info("hello %s", "world")
    logging.getLogger("library").debug("not shown")
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger().exception("failed")
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "level": "INFO",
        "message": "hello world",
        "target": "lambda",
        "logger": "library",
    }
    assert (second["level"], second["message"]) == ("ERROR", "failed")
    assert second["exception"].startswith("Traceback")
    assert second["exception"].endswith("ValueError: no")


def test_configuring_replaces_what_was_there(capsys, root_logger):
    """The Lambda runtime client has set up its own handler by then."""
    root_logger.addHandler(logging.StreamHandler())
    configure_logging("WARNING", "lambda")
    configure_logging("WARNING", "lambda")
    logging.getLogger("x").warning("once")
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (1, "")


def test_what_is_not_ascii_or_not_text_is_formatted():
    record = logging.LogRecord("x", 20, "f", 1, "%s Zoë", (object,), None)
    assert "Zoë" in json.loads(JSONFormatter("ecs").format(record))["message"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (1759568306.0625, "2025-10-04T08:58:26.062Z")],
)
def test_timestamp(seconds, text):
    assert timestamp(seconds) == text
