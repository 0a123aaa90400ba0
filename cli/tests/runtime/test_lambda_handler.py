"""ALB events through the handler, as the runtime client calls it."""

import asyncio
import base64
import importlib
import json
import logging
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from app.settings import Settings
from portable.local.lambda_side.events import response as alb_response
from portable_runtime.lambda_app import EventError, LambdaApp
from portable_runtime.logs import configure_logging

CONTEXT = SimpleNamespace(
    aws_request_id="invocation-1", get_remaining_time_in_millis=lambda: 10_000
)


@pytest.fixture
def lambda_handler(monkeypatch):
    """The module, imported as in a sandbox; logging and signals are put back."""
    root, mangum = logging.getLogger(), logging.getLogger("mangum")
    before = (root.level, root.handlers[:], mangum.level, signal.getsignal(signal.SIGTERM))
    monkeypatch.setenv("EXECUTION_ENVIRONMENT", "lambda")
    for name in ("app.main", "portable_runtime.lambda_handler"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    module = importlib.import_module("portable_runtime.lambda_handler")
    yield module
    module.lambda_app.stop()
    signal.signal(signal.SIGTERM, before[3])
    signal.set_wakeup_fd(-1)
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    mangum.setLevel(before[2])


@pytest.fixture
def lambda_app(lambda_handler):
    """Make further apps, which are stopped at the end."""
    made = []

    def make(app: Any) -> LambdaApp:
        made.append(LambdaApp(app, max_body=1_000_000, timeout=29))
        return made[-1]

    yield make
    for app in made:
        app.stop()


@pytest.fixture
def event(root: Path):
    def read(name: str) -> dict[str, Any]:
        return json.loads((root / "tests/events" / f"{name}.json").read_text())

    return read


def request_lines(out: str) -> list[dict[str, Any]]:
    lines = map(json.loads, out.splitlines())
    return [line for line in lines if "duration_ms" in line]


def test_an_event_of_a_queue_goes_where_on_event_says(request, monkeypatch, tmp_path):
    (tmp_path / "users_events.py").write_text(
        "def on_event(event, _):\n    return event['Records']\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("ON_EVENT", "users_events:on_event")
    handler = request.getfixturevalue("lambda_handler").handler
    assert handler({"Records": ["one"]}, CONTEXT) == ["one"]


def test_events_of_the_repository(lambda_handler, event):
    for name, status, body in (
        ("alb-get", 200, '"Hello from lambda"'),
        ("alb-health-check", 200, None),
        ("alb-post", 405, None),
    ):
        result = lambda_handler.handler(event(name), CONTEXT)
        assert result["statusCode"] == status
        assert result["isBase64Encoded"] is False
        assert "headers" not in result, "multi-value headers are on"
        assert result["multiValueHeaders"]["content-type"] == ["application/json"]
        assert body in (None, result["body"])
        assert alb_response(json.dumps(result).encode(), True).status == status


def test_an_event_that_is_none_of_the_load_balancers_is_refused(lambda_handler, event):
    with pytest.raises(EventError, match="not a request of a load balancer"):
        lambda_handler.handler(event("not-alb"), CONTEXT)


def test_the_request_line_has_the_same_fields_on_both_targets(lambda_handler, event, capsys):
    sent = event("alb-get")
    configure_logging("INFO", "lambda")  # to the standard output of this test
    lambda_handler.handler(sent, CONTEXT)
    (on_lambda,) = request_lines(capsys.readouterr().out)

    async def on_fargate() -> None:
        app = importlib.import_module("app.main").create_app(Settings(execution_environment="ecs"))
        headers = {name: values[0] for name, values in sent["multiValueHeaders"].items()}
        transport = httpx.ASGITransport(app, client=("203.0.113.7", 0))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            await client.get("/?tag=a", headers=headers)

    configure_logging("INFO", "ecs")
    asyncio.run(on_fargate())
    (on_ecs,) = request_lines(capsys.readouterr().out)
    assert list(on_lambda) == list(on_ecs)
    same = {"level", "message", "trace_id", "client", "method", "path", "status"}
    assert {key: on_lambda[key] for key in same} == {key: on_ecs[key] for key in same}
    assert (on_lambda["target"], on_ecs["target"]) == ("lambda", "ecs")
    assert on_lambda["request_id"] == "invocation-1"
    assert on_lambda["trace_id"] == "Root=1-68f0a1b2-5f84c7a52ab84d0c9e1f3b67"


def test_the_lifespan_runs_once_for_all_invocations(lambda_app, event):
    started = []

    @asynccontextmanager
    async def lifespan(app: FastAPI):
        started.append(app)
        yield {"pool": started}

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def root(request: Request) -> int:
        request.state.own = True  # of this request alone
        return len(request.state.pool)

    @app.get("/healthz")
    async def own(request: Request) -> bool:
        return hasattr(request.state, "own")

    handler = lambda_app(app)
    assert len(started) == 1
    assert [handler(event("alb-get"), CONTEXT)["body"] for _ in range(5)] == ["1"] * 5
    assert handler(event("alb-health-check"), CONTEXT)["body"] == "false"


def test_a_lifespan_that_fails_fails_the_sandbox(lambda_app):
    @asynccontextmanager
    async def lifespan(app: FastAPI):
        raise ValueError("no database")
        yield

    with pytest.raises(Exception, match="no database"):
        lambda_app(FastAPI(lifespan=lifespan))


def test_an_app_without_a_lifespan_works(lambda_app, event):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    assert lambda_app(app)(event("alb-get"), CONTEXT)["statusCode"] == 204


def test_an_exception_is_a_500_and_an_error_in_the_log(lambda_app, event, capsys):
    app = importlib.import_module("app.main").create_app(Settings(execution_environment="lambda"))

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("a bug")

    configure_logging("INFO", "lambda")  # to the standard output of this test
    handler = lambda_app(app)
    assert handler(event("alb-get") | {"path": "/fails"}, CONTEXT)["statusCode"] == 500
    out = capsys.readouterr().out
    (line,) = request_lines(out)
    assert (line["status"], line["level"], line["path"]) == (500, "ERROR", "/fails")
    (error,) = (
        record["exception"] for record in map(json.loads, out.splitlines()) if "exception" in record
    )
    assert error.endswith("ValueError: a bug")
    assert handler(event("alb-get"), CONTEXT)["statusCode"] == 200  # the sandbox lives on


def test_bodies_cookies_and_bytes_pass(lambda_app, event):
    app = FastAPI()

    @app.post("/")
    async def echo(request: Request) -> Response:
        response = Response(await request.body() + b"\xff", media_type="image/png")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    sent = event("alb-post")
    sent |= {"body": base64.b64encode(b"\x00\x01").decode(), "isBase64Encoded": True}
    result = lambda_app(app)(sent, CONTEXT)
    assert (result["isBase64Encoded"], base64.b64decode(result["body"])) == (True, b"\x00\x01\xff")
    assert len(result["multiValueHeaders"]["set-cookie"]) == 2


def test_repeated_headers_and_parameters_arrive_whole(lambda_app, event):
    app = FastAPI()

    @app.get("/")
    async def read(request: Request) -> list[list[str]]:
        query = request.query_params
        return [request.headers.getlist("x-example"), query.getlist("tag"), query.getlist("empty")]

    result = lambda_app(app)(event("alb-get"), CONTEXT)
    assert json.loads(result["body"]) == [["first", "second, third"], ["a", "b c"], [""]]


@pytest.mark.parametrize(
    ("environment", "named"),
    [({}, "EXECUTION_ENVIRONMENT"), ({"EXECUTION_ENVIRONMENT": "lambda", "LOG_LEVEL": "x"}, "LOG")],
)
def test_a_bad_setting_stops_the_import(environment, named):
    command = [sys.executable, "-c", "import portable_runtime.lambda_handler"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"SettingsError: {named}" in done.stderr.splitlines()[-1]


def test_the_server_is_not_imported():
    """The Lambda side starts cold: what it does not need costs time at every one."""
    script = (
        "import sys, portable_runtime.lambda_handler; print('uvicorn:', 'uvicorn' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"EXECUTION_ENVIRONMENT": "lambda"},
        capture_output=True,
        text=True,
    )
    assert "uvicorn: False" in done.stdout.splitlines(), done.stderr
