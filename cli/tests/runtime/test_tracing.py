"""What tracing does to a process; each has one of its own, as its settings are for all of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.portable.span_receivers import daemon

ROOT = Path(__file__).parents[3]
EVENT = json.loads((ROOT / "tests/events/alb-get.json").read_text())
OWN = "Root=1-67891233-000000000000000000000bbb;Parent=00000000000000aa;Sampled={}"
IMPORTED = """
import json, sys
import portable_runtime.{entry}
print(json.dumps(sorted(sys.modules)))
"""
INVOKED = """
import json, sys, time
from awslambdaric.lambda_context import LambdaContext
from portable_runtime.lambda_handler import handler
event = json.load(open("tests/events/alb-get.json")) | json.loads(sys.argv[1])
print(handler(event, LambdaContext("1", {}, None, int(time.time() + 30) * 1000))["statusCode"])
"""


def output(script: str, *arguments: str, **variables: str) -> str:
    environment = {"PATH": os.environ["PATH"], "EXECUTION_ENVIRONMENT": "lambda", **variables}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("entry", ["lambda_handler", "server"])
@pytest.mark.parametrize("tracing", ["false", "true"])
def test_off_it_is_not_imported_and_the_sdk_is_not(entry: str, tracing: str) -> None:
    side = {"lambda_handler": "lambda", "server": "ecs"}[entry]
    script = IMPORTED.format(entry=entry)
    if entry == "server":  # it imports when it starts
        call = "from portable_runtime.app_loader import load_tracing\n"
        call += "from portable_runtime.target_settings import ServerSettings\n"
        script = script.replace("print", f"{call}load_tracing(ServerSettings())\nprint")
    modules = json.loads(
        output(script, EXECUTION_ENVIRONMENT=side, TRACING=tracing).splitlines()[-1]
    )
    of_tracing = [
        name
        for name in modules
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf"))
        or name in ("portable_runtime.tracing", "portable_runtime.span_export")
    ]
    assert bool(of_tracing) == (tracing == "true")


def test_a_sandbox_that_has_the_daemon_imports_no_client_of_a_collector() -> None:
    script = IMPORTED.format(entry="lambda_handler")
    modules = json.loads(output(script, TRACING="true").splitlines()[-1])
    assert "opentelemetry.exporter.otlp.proto.common" in modules
    assert {"requests", "urllib3", "opentelemetry.exporter.otlp.proto.http"}.isdisjoint(modules)


@pytest.mark.parametrize(
    ("own", "links"),
    [
        (OWN.format(1), (("67891233000000000000000000000bbb", "00000000000000aa"),)),
        (OWN.format(0), ()),
        ("Root=1-67891233-000000000000000000000bbb", ()),
        ("nonsense", ()),
    ],
)
def test_the_span_of_a_request_has_a_link_to_lambda_s_own_trace(own: str, links: Any) -> None:
    with daemon() as receiver:
        variables = {"AWS_XRAY_DAEMON_ADDRESS": receiver.address, "_X_AMZN_TRACE_ID": own}
        said = output(INVOKED, "{}", TRACING="true", **variables)
        assert said.splitlines()[-1] == "200"
        spans = receiver.wait(1)
    (span,) = (span for span in spans if span.name == "GET /")
    (header,) = EVENT["multiValueHeaders"]["x-amzn-trace-id"]
    assert (header, "") == (f"Root=1-{span.trace[:8]}-{span.trace[8:]}", span.parent)
    assert span.links == links


def test_a_client_cannot_write_into_the_log_or_break_a_request() -> None:
    forged = '1-a-b"}\n{"level":"FATAL"};Sampled=1;Parent=' + "é" * 200
    headers = {"multiValueHeaders": {"x-amzn-trace-id": [forged], "host": ["x"]}}
    with daemon() as receiver:
        variables = {"AWS_XRAY_DAEMON_ADDRESS": receiver.address}
        said = output(INVOKED, json.dumps(headers), TRACING="true", **variables).splitlines()
        (span,) = (span for span in receiver.wait(1) if span.name == "GET /")
    assert said.pop() == "200"
    lines = [json.loads(line) for line in said]
    assert {line["level"] for line in lines} <= {"INFO", "WARNING"}  # which the app itself writes
    assert lines[-1]["span_id"] == span.span and span.parent == ""


def test_a_share_is_recorded_whatever_a_client_asks_for() -> None:
    (header,) = EVENT["multiValueHeaders"]["x-amzn-trace-id"]
    asked = {"x-amzn-trace-id": [f"{header};Parent=00000000000000aa;Sampled=1"], "host": ["x"]}
    sampler = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}
    for variables, expected in ((sampler, 0), ({}, 1)):
        with daemon() as receiver:
            variables = {**variables, "AWS_XRAY_DAEMON_ADDRESS": receiver.address}
            event = json.dumps({"multiValueHeaders": asked})
            said = output(INVOKED, event, TRACING="true", **variables).splitlines()
        assert json.loads(said[-2])["span_id"]
        assert len([span for span in receiver.spans if span.name == "GET /"]) == expected
