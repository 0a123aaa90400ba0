"""The image on Lambda: `sam build`, then `sam local invoke` with the events of the tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

EVENTS = Path(__file__).parents[3] / "tests/events"


class Invocation(NamedTuple):
    answer: dict[str, Any]
    log: str


@pytest.fixture
def invoke(built_template, sam, run) -> Callable[[str], Invocation]:
    """Invoke the function with the event of a file, in a container of its own."""

    def invoke(name: str) -> Invocation:
        options = ["--template", built_template, "--event", EVENTS / f"{name}.json"]
        result = run(sam, "local", "invoke", "ApiFunction", *options)
        return Invocation(json.loads(result.stdout.splitlines()[-1]), result.stderr)

    return invoke


@pytest.mark.parametrize(
    ("event", "status", "body"),
    [
        ("alb-get", 200, "Hello from lambda"),
        ("alb-health-check", 200, "ok"),
        # There is no such route: the request, body included, came as far as the app.
        ("alb-post", 405, {"detail": "Method Not Allowed"}),
    ],
)
def test_alb_event_gets_an_alb_response(invoke, event, status, body):
    answer, _ = invoke(event)

    assert answer["statusCode"] == status
    assert json.loads(answer["body"]) == body
    assert answer["isBase64Encoded"] is False
    assert answer["multiValueHeaders"]["content-type"] == ["application/json"]


def test_request_line_names_the_invocation_and_the_trace(invoke):
    event = json.loads((EVENTS / "alb-get.json").read_text())

    _, log = invoke("alb-get")

    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    [line] = [line for line in lines if line.get("method")]
    assert line["target"] == "lambda"
    assert [line["trace_id"]] == event["multiValueHeaders"]["x-amzn-trace-id"]
    assert f"END RequestId: {line['request_id']}" in log  # the emulator loses some START lines


def test_other_event_fails_the_invocation_and_not_the_sandbox(invoke):
    answer, log = invoke("not-alb")

    assert "statusCode" not in answer
    assert answer["errorMessage"]
    assert answer["errorType"] != "Runtime.ExitError"
    assert f"END RequestId: {answer['requestId']}" in log
