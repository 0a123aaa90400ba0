"""`portable parity`: what it sends, what it calls a difference, and apps of other makes."""

import asyncio
import io
import json
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from rich.console import Console

from portable.commands.parity import parity as cli_parity
from portable.errors import PortableError
from portable.local.run import Options
from portable.parity import comparison
from portable.parity.comparison import Plan, facets, findings
from portable.parity.generated_requests import Sample, Schema, named_paths
from portable.parity.report import Finding, Report, histogram, show, shown, summary
from portable.request_headers import RequestHeader
from tests.portable.local_run import PORTABLE, ROOT, descendants, running_still

GET_ITEM = "GET /items/{number}"
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "sample", "version": "1"},
    "paths": {
        "/items/{number}": {
            "get": {
                "parameters": [
                    {
                        "name": "number",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "integer"},
                    },
                    {"name": "q", "in": "query", "schema": {"type": "string"}},
                    {"name": "r", "in": "query", "schema": {"type": "string"}},
                ],
                "responses": {"200": {"description": "ok"}},
            }
        },
        "/items": {
            "post": {
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {"a": {"type": "integer"}},
                                "required": ["a"],
                            }
                        }
                    }
                },
                "responses": {"200": {"description": "ok"}},
            }
        },
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's manifests, with room for an app of the test's own."""
    for name in ("template.yaml", "samconfig.toml", "alb", "copilot", "data", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def parity(*options: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PORTABLE, "parity", *options], cwd=cwd, capture_output=True, text=True, timeout=300
    )


def expecting(*operations: str) -> list[str]:
    """Return the options for operations that may answer errors alone."""
    return [part for operation in operations for part in ("--expect-errors", operation)]


def schema(document: object = DOCUMENT) -> Schema:
    return Schema(json.dumps(document).encode(), "/openapi.json")


def answers(on_lambda: Sequence[object], on_fargate: Sequence[object]):
    """Return the answers of both targets, each given as status, headers and body."""
    return {"lambda": facets(*on_lambda), "fargate": facets(*on_fargate)}


def test_a_seed_repeats_the_same_requests():
    first = schema().samples(GET_ITEM, 20, 1)
    assert first == schema().samples(GET_ITEM, 20, 1)
    assert first != schema().samples(GET_ITEM, 20, 2)
    assert 10 < len(first) <= 20
    assert all(sample.target.startswith("/items/") for sample in first)


def test_half_of_the_requests_contradict_the_schema():
    bodies = [sample.body for sample in schema().samples("POST /items", 20, 1)]
    assert json.loads(bodies[0])["a"] == 0
    valid = 0
    for body in bodies:
        try:
            content = json.loads(body)
            valid += isinstance(content, dict) and isinstance(content.get("a"), int)
        except ValueError:
            pass
    assert 0 < valid < len(bodies)


def test_a_schema_that_nothing_contradicts_gives_what_there_is():
    document = DOCUMENT | {"paths": {"/": {"get": {"responses": {"200": {"description": "ok"}}}}}}
    assert [sample.target for sample in schema(document).samples("GET /", 20, 1)] == ["/"]


def test_queries_are_sent_in_the_form_that_an_event_keeps():
    for sample in schema().samples(GET_ITEM, 50, 3):
        pairs = [pair for pair in sample.target.partition("?")[2].split("&") if pair]
        assert all("=" in pair for pair in pairs)
        keys = [pair.partition("=")[0] for pair in pairs]
        assert keys == sorted(keys)


def test_nothing_of_the_generator_is_sent():
    for sample in schema().samples(GET_ITEM, 20, 1):
        assert {name.lower() for name, _ in sample.headers} <= {"accept", "accept-encoding"}


def test_an_operation_that_cannot_be_generated_is_named():
    document = json.loads(json.dumps(DOCUMENT))
    document["paths"]["/items/{number}"]["get"]["parameters"][0]["schema"] = {"type": "int"}
    found = schema(document)
    assert found.samples(GET_ITEM, 4, 1) == []
    assert found.unreadable[0].startswith(f"{GET_ITEM}: ")
    assert found.samples("POST /items", 4, 1)


@pytest.mark.parametrize("document", [b"{", b"[]", b"<html>", b"\xff", b'{"a": 1}', b"a: [\t"])
def test_what_is_no_schema_is_refused(document: bytes):
    with pytest.raises(
        PortableError, match=r"is no OpenAPI schema\. Name where it is with --schema"
    ):
        Schema(document, "/openapi.json")


def test_a_path_gets_a_get_and_a_head():
    assert [
        (sample.operation, sample.method, sample.target) for sample in named_paths(["/a?b=c"])
    ] == [
        ("GET /a", "GET", "/a?b=c"),
        ("HEAD /a", "HEAD", "/a?b=c"),
    ]


@pytest.mark.parametrize("path", ["a", "", "http://a", "/é", "/a b"])
def test_a_path_that_cannot_be_sent_is_refused(path: str):
    with pytest.raises(PortableError, match="expected a path that begins with '/'"):
        named_paths([path])


@pytest.mark.parametrize(
    ("headers", "body", "limit"),
    [
        ([("a", b"\xc3\xa9")], b"", None),
        ([("a", b"\xe9")], b"", "a header or a text that is not UTF-8"),
        ([("Content-Type", b"text/plain")], b"\xff", "a header or a text that is not UTF-8"),
        ([("Content-Type", b"image/png")], b"\xff", None),
        ([("a", b"")], b"", "an empty header"),
    ],
)
def test_what_no_function_gets_is_known(
    headers: list[tuple[str, bytes]], body: bytes, limit: str | None
):
    assert Sample("POST /", "POST", "/", tuple(headers), body).limit == limit


@pytest.mark.parametrize("body", [b"", b"it's", b"\x00\xff'\\", b"@file", "é".encode()])
def test_the_curl_line_sends_the_same_body(body: bytes):
    curl = Sample("POST /a", "POST", "/a?b=$c", (("x-a", b"it's"),), body).curl
    words = subprocess.run(
        ["bash", "-c", f'printf "%s\\n" {curl.partition(" ")[2]}'], capture_output=True, check=True
    ).stdout
    if b"\x00" in body:
        assert "\\x00\\xff\\x27\\x5c" in curl
        return
    expected = [b"-i", b"-X", b"POST", b"-H", b"x-a: it's"]
    expected += [b"--data-binary", body] if body else []
    assert words.splitlines() == [*expected, b"http://127.0.0.1:8080/a?b=$c"]


def test_the_order_of_headers_and_what_the_load_balancer_adds_are_no_difference():
    trace = b"Root=1-6b0446f4-c2094cac629f6fbed82c07cd"
    other = b"Root=1-6b0446f5-f728b4fa42485e3a0a5d2f34"
    both = answers(
        (200, [(b"A", b"1"), (b"a", b"2"), (b"Date", b"x"), (b"content-length", b"3")], trace),
        (200, [(b"a", b"2"), (b"A", b"1"), (b"Server", b"y")], other),
    )
    assert findings(Sample("GET /", "GET", "/"), both, both) == []


def test_a_header_that_is_a_set_has_no_order():
    both = answers((405, [(b"Allow", b"GET, PUT")], b""), (405, [(b"allow", b"PUT,GET")], b""))
    assert findings(Sample("GET /", "GET", "/"), both, both) == []


def test_status_headers_and_body_are_compared():
    both = answers(
        (200, [(b"a", b"1"), (b"a", b"1")], b"x" * 100), (500, [(b"a", b"1")], b"x" * 99)
    )
    found = findings(Sample("GET /", "GET", "/"), both, both)
    assert [(one.what, one.on_lambda, one.on_fargate) for one in found] == [
        ("status", "200", "500"),
        ("body", "…" + "x" * 36, "…" + "x" * 36),
        ("header a", "1 | 1", "1"),
    ]
    assert all(one.deterministic for one in found)


def test_values_are_shown_from_where_they_differ_and_printable():
    assert shown(b"a\x1b[0m", b"") == ("a\\x1b[0m", "(empty)")
    assert shown(["\xc3\xa9"], None) == ("\\xc3\\xa9", "(none)")
    first, second = shown(b"x" * 100 + b"1", b"x" * 100 + b"2" + b"x" * 50)
    assert (first, second) == ("…" + "x" * 35 + "1", "…" + "x" * 12 + "2" + "x" * 23 + "…")


def test_what_a_target_answers_differently_each_time_is_not_deterministic():
    first = answers((200, [(b"a", b"1")], b"x"), (200, [], b"y"))
    again = answers((200, [(b"a", b"1")], b"z"), (200, [], b"y"))
    found = findings(Sample("GET /", "GET", "/"), first, again)
    assert [(one.what, one.deterministic) for one in found] == [("body", False), ("header a", True)]


def test_the_table_shows_the_smallest_request_of_each_kind():
    report = Report(seed=7, operations=2, samples=5)
    for target in ("/a?long=request", "/a", "/a?b"):
        report.findings.append(Finding(Sample("GET /a", "GET", target), "body", "[x]", "y", True))
    report.findings.append(Finding(Sample("GET /b", "GET", "/b"), "header x", "1", "2", False))
    report.left_out["an empty header"] = 1
    report.unreadable.append("GET /c: no.")
    console = Console(width=100, record=True, file=io.StringIO())
    show(report, console)
    lines = [line.rstrip() for line in console.export_text().splitlines() if line.strip()]
    assert [line.split() for line in lines[2:4]] == [
        ["1", "GET", "/a", "body", "[x]", "y", "3"],
        ["2", "GET", "/b", "header", "x", "(not", "deterministic)", "1", "2", "1"],
    ]
    assert lines[4:] == [
        "1: curl -i http://127.0.0.1:8080/a",
        "2: curl -i http://127.0.0.1:8080/b",
        "not requested: GET /c: no.",
        "not sent: 1 request with an empty header, which no function gets",
        summary(report),
    ]
    assert summary(report) == (
        "2 operations, 5 requests to each target, 0 excluded, 1 difference,"
        " 1 not deterministic, seed 7"
    )


def test_the_projects_own_app_differs_in_its_name_only():
    done = parity("--seed", "1")
    assert (done.returncode, done.stderr) == (1, "")
    assert '"Hello from lambda"' in done.stdout
    assert "1: curl -i" in done.stdout
    assert " 1 difference, 0 not deterministic, seed 1\n" in done.stdout
    done = parity("--seed", "1", "--exclude", "GET /")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(", 1 excluded, 0 differences, 0 not deterministic, seed 1\n")


def test_the_page_names_every_option():
    page = (ROOT / "cli/docs" / "parity.md").read_text()
    named = re.findall(r"^\| `(-[\w-]+)`[^|]*\|([^|]*)\|", page, re.MULTILINE)
    options = [option for option in cli_parity.params if isinstance(option, click.Option)]
    assert [name for name, _ in named] == [option.opts[0] for option in options]
    for (name, default), option in zip(named, options, strict=True):
        if option.show_default is True:
            assert default.strip() == f"`{option.default}`", name


def test_an_app_of_ones_own(project: Path):
    (project / "mine.py").write_text(
        "import os, uuid\n"
        "from fastapi import FastAPI, Response\n"
        "app = FastAPI(openapi_url='/spec')\n"
        "@app.get('/same')\n"
        "def same(q: int = 0): return {'q': q}\n"
        "@app.get('/random')\n"
        "def random(response: Response):\n"
        "    response.headers['x-side'] = os.environ['EXECUTION_ENVIRONMENT']\n"
        "    return uuid.uuid4()\n"
        "@app.post('/variable')\n"
        "def variable(): return os.environ['MINE']\n"
    )
    options = ("--app", "mine:app", "--schema", "/spec", "--seed", "3", "--examples", "10")
    done = parity(*options, "--variable", "MINE=yes", cwd=project)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.count("curl -i") == 2
    assert "GET /random   body (not deterministic)" in done.stdout
    assert "GET /random   header x-side" in done.stdout
    assert done.stdout.endswith(" 1 difference, 1 not deterministic, seed 3\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--app", "mine"], "--app is 'mine', expected MODULE:ATTRIBUTE, as in 'main:app'."),
        (
            ["--schema", "/none"],
            "the app has no OpenAPI schema at /none (status 404). Name where it is with --schema,"
            " or paths to request with --path.",
        ),
        (
            ["--schema", "none"],
            "--schema is 'none', expected a path of the app as in '/openapi.json'.",
        ),
        (
            ["--schema", "/healthz"],
            "what the app answers at /healthz is no OpenAPI schema. Name where it is with"
            " --schema, or paths to request with --path.",
        ),
        (
            ["--exclude", "GET /none"],
            "--exclude is 'GET /none', expected one of GET /, GET /healthz, ",
        ),
        (
            ["--path", "/", "--exclude", "GET /", "--exclude", "HEAD /"],
            "--exclude leaves nothing to request.",
        ),
        (["--path", "here"], "--path is 'here', expected a path that begins with '/'"),
        (["--variable", "A"], "--variable is 'A', expected NAME=VALUE."),
    ],
)
def test_bad_input_is_one_sentence(options: list[str], message: str):
    done = parity(*options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"portable: {message}")
    assert done.stderr.count("\n") == 1


def test_an_app_that_does_not_start_is_one_sentence(project: Path):
    (project / "mine.py").write_text("raise RuntimeError('no')\n")
    done = parity("--app", "mine:app", cwd=project)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("portable: ")
    assert "Traceback" not in done.stderr.splitlines()[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both_targets(project: Path, number: int):
    (project / "mine.py").write_text(
        "import asyncio, pathlib\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] == 'http' and scope['path'] == '/hang':\n"
        "        pathlib.Path('asked').touch()\n"
        "        await asyncio.sleep(600)\n"
        "    assert scope['type'] == 'http'\n"
        "    await send({'type': 'http.response.start', 'status': 200})\n"
        "    await send({'type': 'http.response.body'})\n"
    )
    process = subprocess.Popen(
        [
            PORTABLE,
            "parity",
            "--app",
            "mine:app",
            "--path",
            "/hang",
            "--variable",
            "GRACEFUL_SHUTDOWN_SECONDS=1",
        ],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (project / "asked").exists():
        assert process.poll() is None
        time.sleep(0.05)
    started = descendants(process.pid)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.count("\n") <= 2
    assert "Traceback" not in err
    assert started
    assert not running_still(started)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(
            [
                "--app",
                "cli.tests.portable.foreign_apps:wsgi",
                *(
                    part
                    for path in (
                        "/",
                        "/anything/a%2Fb/c%20d?x=%C3%A9&y=/",
                        "/base64/aGVsbG8=",
                        "/basic-auth/a/b",
                        "/bytes/1000?seed=1",
                        "/cookies/set?a=1&b=2",
                        "/deny",
                        "/drip?delay=0&duration=0&numbytes=5",
                        "/encoding/utf8",
                        "/etag/a",
                        "/headers",
                        "/html",
                        "/image/png",
                        "/ip",
                        "/json",
                        "/links/3/1",
                        "/redirect/3",
                        "/absolute-redirect/1",
                        "/response-headers?a=1&a=2&b=3",
                        "/status/204",
                        "/status/304",
                        "/status/418",
                        "/status/500",
                        "/stream/3",
                        "/stream-bytes/100?seed=1",
                        "/xml",
                    )
                    for part in ("--path", path)
                ),
                *expecting("GET /basic-auth/a/b", "GET /status/418", "GET /status/500"),
            ],
            id="wsgi",
        ),
        pytest.param(
            [
                *("--app", "cli.tests.portable.foreign_apps:starlette", "--schema", "/schema"),
                *expecting("GET /fail", "GET /status/{number}"),
            ],
            id="starlette",
        ),
        pytest.param(
            [
                "--app",
                "cli.tests.portable.foreign_apps:starlette",
                *("--path", "/static/applications.py", "--path", "/static/none", "--path", "/none"),
                *("--path", "/items", "--path", "/items/", "--path", "/stream"),
                *expecting("GET /static/none", "GET /none"),
            ],
            id="starlette-paths",
        ),
        pytest.param(
            [
                "--app",
                "cli.tests.portable.foreign_apps:litestar_app",
                "--schema",
                "/schema/openapi.json",
            ],
            id="litestar",
        ),
        pytest.param(
            [
                "--app",
                "cli.tests.portable.foreign_apps:litestar_app",
                *("--path", "/schema", "--path", "/schema/openapi.yaml", "--path", "/schema/redoc"),
                *("--path", "/schema/none", "--path", "/books", "--path", "/file"),
                *expecting("GET /schema/none", "GET /books"),
            ],
            id="litestar-paths",
        ),
    ],
)
def test_an_app_of_another_make_answers_alike(options: list[str]):
    done = parity(*options, "--seed", "1")
    print(done.stdout)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "not requested" not in done.stdout


PRIVATE_APP = """
import os
from typing import Annotated
from fastapi import Depends, FastAPI, Header, HTTPException

app = FastAPI()

def user(authorization: Annotated[str, Header(include_in_schema=False)] = "") -> str:
    if authorization != "Bearer hunter2":
        raise HTTPException(401)
    return authorization

@app.get("/healthz", include_in_schema=False)
async def healthz() -> str:
    return "ok"

@app.get("/me")
async def me(user: Annotated[str, Depends(user)]) -> str:
    return "me"

@app.post("/items")
async def items(user: Annotated[str, Depends(user)]) -> str:
    return "made"

@app.get("/echo")
async def echo(user: Annotated[str, Depends(user)]) -> str:
    return f"{os.environ['EXECUTION_ENVIRONMENT']} {user}"
"""


@pytest.fixture
def private(project: Path) -> Path:
    """A project whose app answers nobody without a token."""
    (project / "private.py").write_text(PRIVATE_APP)
    return project


def test_an_app_behind_authentication_is_not_called_alike(private: Path) -> None:
    done = parity("--app", "private:app", "--examples", "2", cwd=private)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "0 differences" in done.stdout
    assert "statuses of both targets: 401: " in done.stdout
    for operation in ("GET /me", "POST /items", "GET /echo"):
        assert f"warning: {operation} answered errors alone (401: " in done.stdout
        assert f"or --header-env; where that is right, add --expect-errors '{operation}'" in (
            done.stdout
        )


def test_a_token_lets_the_requests_in_and_is_never_shown(
    private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_AUTHORIZATION", "Bearer hunter2")
    token = ("--header-env", "Authorization=API_AUTHORIZATION")
    done = parity("--app", "private:app", "--examples", "2", *token, cwd=private)
    assert done.returncode == 1  # /echo differs
    assert "statuses of both targets: 200: " in done.stdout and "warning" not in done.stdout
    assert "1 difference," in done.stdout
    assert '-H "Authorization: $API_AUTHORIZATION" http://127.0.0.1:8080/echo' in done.stdout
    assert "(Authorization)" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    assert re.search(r"\d requests? to each target may have written something: ", done.stdout)


def test_what_may_answer_errors_alone_is_named(private: Path) -> None:
    expected = expecting("GET /me", "POST /items", "GET /echo")
    done = parity("--app", "private:app", "--examples", "2", *expected, cwd=private)
    assert done.returncode == 0, done.stdout
    assert "warning" not in done.stdout
    refused = parity("--app", "private:app", "--expect-errors", "GET /you", cwd=private)
    assert "--expect-errors is 'GET /you', expected one of GET /me" in refused.stderr


def test_each_target_has_its_own_statuses_where_they_differ() -> None:
    report = Report(1)
    statuses = report.statuses["GET /"]
    for target, status in (("lambda", 200), ("lambda", 200), ("fargate", 200), ("fargate", 500)):
        statuses.count(target, status)
    assert histogram(report) == [
        "statuses of lambda: 200: 2",
        "statuses of fargate: 200: 1, 500: 1",
    ]


def test_a_users_header_takes_the_place_of_a_generated_one() -> None:
    sample = Sample("GET /", "GET", "/", (("Authorization", b"generated"), ("A", b"b")))
    given = RequestHeader("authorization", "Bearer hunter2")
    assert sample.with_headers([given]).headers == (("A", b"b"),)
    assert "hunter2" not in sample.with_headers([given]).curl + repr(given)


ENDLESS_APP = """
import asyncio
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

app = FastAPI()

@app.get("/healthz")
async def healthz() -> str:
    return "ok"

@app.get("/endless")
async def endless() -> StreamingResponse:
    async def dots():
        while True:
            yield "."
            await asyncio.sleep(0.1)

    return StreamingResponse(dots())
"""


def test_an_answer_without_an_end_is_no_comparison_without_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "endless.py").write_text(ENDLESS_APP)
    monkeypatch.chdir(project)
    monkeypatch.setattr(comparison, "TIMEOUT", 2)
    options = Options(root=project, app="endless:app")
    report = asyncio.run(comparison.compare(options, Plan(paths=["/endless"])))
    counts = report.statuses["GET /endless"].targets
    assert counts["fargate"] == {"no end in 2 s": 1}
    assert report.errors_only == ["GET /endless"]
