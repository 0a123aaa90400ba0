"""Traces of both sides, from the local run and as real processes; where spans go is a stand-in."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.portable.local_run import LocalRun, descendants, local_run
from tests.portable.span_receivers import Receiver, collector, daemon, wait_for
from tests.runtime.server_process import serving, until

ROOT = Path(__file__).parents[4]
APP = "cli.tests.portable.traced_app:app"
TRACED = ("--app", APP, "--verbose", "--variable", "TRACING=true")
FIRST = (*TRACED, "--max-sandboxes", "1")
ON_LAMBDA, ON_FARGATE = ("--fargate-weight", "0"), ("--lambda-weight", "0")


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[LocalRun, Receiver]]:
    """Both sides, with one collector."""
    with collector() as receiver:
        endpoint = f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{receiver.address}"
        variables = ("--variable", endpoint, "--variable", "OTEL_BSP_SCHEDULE_DELAY=50")
        with local_run(*TRACED, *variables) as run:
            yield run, receiver


@pytest.fixture(scope="module")
def sandbox() -> Iterator[tuple[LocalRun, Receiver]]:
    """One sandbox, with the daemon."""
    with daemon() as receiver:
        address = f"AWS_XRAY_DAEMON_ADDRESS={receiver.address}"
        with local_run(*FIRST, *ON_LAMBDA, "--variable", address) as run:
            yield run, receiver


def root(number: int) -> str:
    return f"Root=1-67891233-{number:024x}"


def trace(number: int) -> str:
    return f"67891233{number:024x}"


def records(run: LocalRun, number: int) -> list[dict[str, Any]]:
    """Return what the targets have logged in a trace."""
    lines = [line.partition(" | ")[2] for line in list(run.err) if root(number)[5:] in line]
    return [json.loads(line) for line in lines]


def test_both_sides_put_their_spans_in_the_trace_of_the_load_balancer(both) -> None:
    run, receiver = both
    with run.client() as client:
        for number in range(40):
            answer = client.get(f"/items/{number}", headers={"X-Amzn-Trace-Id": root(number)})
            assert answer.status_code == 200
    traces = {trace(number) for number in range(40)}
    wait_for(lambda: traces == {span.trace for span in receiver.requests()} & traces)
    spans = [span for span in receiver.requests() if span.trace in traces]
    assert len(spans) == 40
    assert {span.attributes["cloud.platform"] for span in spans} == {"aws_lambda", "aws_ecs"}
    assert {span.name for span in spans} == {"GET /items/{item}"}
    assert {span.parent for span in spans} == {""}, "the load balancer sends no span"
    for span in spans:
        children = [child for child in receiver.spans if child.trace == span.trace]
        assert {"query", "fastapi.endpoint"} <= {child.name for child in children}


def test_a_new_trace_of_the_listener_is_the_one_of_the_app(both) -> None:
    run, receiver = both
    with run.client() as client:
        header = client.get("/outgoing").json()["X-Amzn-Trace-Id"]
    found = re.fullmatch(r"Root=1-(\w{8})-(\w{24});Parent=(\w{16});Sampled=1", header)
    assert found
    wait_for(lambda: found[1] + found[2] in {span.trace for span in receiver.requests()})
    (parent,) = (span for span in receiver.spans if span.span == found[3])
    assert parent.trace == found[1] + found[2]


def test_each_line_of_a_request_names_trace_and_span_on_both_sides(both) -> None:
    run, receiver = both
    numbers = range(100, 130)
    with run.client() as client:
        for number in numbers:
            client.get(f"/items/{number}", headers={"X-Amzn-Trace-Id": root(number)})
            client.get(f"/thread/{number}", headers={"X-Amzn-Trace-Id": root(number)})
    wait_for(lambda: all(len(records(run, number)) == 4 for number in numbers))
    targets = set()
    for number in numbers:
        wait_for(lambda number=number: sum(s.trace == trace(number) for s in receiver.spans) >= 7)
        known = {span.span for span in receiver.spans if span.trace == trace(number)}
        for record in records(run, number):
            assert record["trace_id"].endswith(root(number))  # after the listener's `Self`
            assert record["span_id"] in known
            targets.add(record["target"])
    assert targets == {"lambda", "ecs"}


def test_a_health_check_that_the_app_excludes_names_no_span(both) -> None:
    run, receiver = both
    lines = [line.partition(" | ")[2] for line in run.err if '"path": "/healthz"' in line]
    assert lines
    assert all("span_id" not in json.loads(line) for line in lines)
    assert not [span for span in receiver.requests() if span.name.endswith("/healthz")]


@pytest.mark.parametrize("side", [ON_LAMBDA, ON_FARGATE], ids=["lambda", "fargate"])
def test_an_exception_is_logged_with_the_span_that_failed(side) -> None:
    with collector() as receiver:
        endpoint = f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{receiver.address}"
        variables = ("--variable", endpoint, "--variable", "OTEL_BSP_SCHEDULE_DELAY=50")
        with local_run(*FIRST, *variables, *side) as run:
            with run.client() as client:
                answer = client.get("/fail", headers={"X-Amzn-Trace-Id": root(7)})
            assert answer.status_code == 500
            wait_for(lambda: len(records(run, 7)) == 2)
            wait_for(lambda: bool(receiver.requests()))
    (span,) = receiver.requests()
    assert (span.failed, span.attributes["error.type"]) == (True, "ValueError")
    assert {record["span_id"] for record in records(run, 7)} == {span.span}
    assert "ValueError: It fails." in "".join(str(r.get("exception")) for r in records(run, 7))


def test_a_sandbox_that_freezes_with_its_answer_has_sent_all_spans(sandbox) -> None:
    run, receiver = sandbox
    processes = descendants(run.process.pid)
    with run.client() as client:
        answer = client.get("/later", headers={"X-Amzn-Trace-Id": root(1)})
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
    try:
        assert answer.json() == "lambda"
        names = {"GET /later", "fastapi.endpoint", "fastapi.background_task", "left behind"}
        wait_for(lambda: names <= {span.name for span in receiver.spans})
    finally:
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
    assert {span.trace for span in receiver.spans} == {trace(1)}


def test_a_sandbox_sends_one_datagram_for_each_invocation(sandbox) -> None:
    run, receiver = sandbox
    before = len(receiver.sizes)
    with run.client() as client:
        for number in range(10):
            client.get(f"/items/{number}")
    wait_for(lambda: len(receiver.sizes) == before + 10)


@contextmanager
def mute() -> Iterator[str]:
    """The address of a collector that takes what comes and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def ask(port: int) -> None:
    url = f"http://127.0.0.1:{port}/items/1"
    answer = httpx.get(url, headers={"X-Amzn-Trace-Id": root(1)}, trust_env=False)
    assert answer.json() == "ecs"


def test_a_task_that_ends_sends_what_it_has() -> None:
    with collector() as receiver:
        variables = {
            "TRACING": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{receiver.address}",
            "OTEL_BSP_SCHEDULE_DELAY": "600000",  # a time that does not come
        }
        with serving(APP, ROOT, **variables) as (server, port):
            ask(port)
            assert receiver.spans == []
            server.send_signal(signal.SIGTERM)
            server.wait(60)
        assert [span.trace for span in receiver.requests()] == [trace(1)]


def test_a_task_ends_though_its_collector_does_not_answer() -> None:
    with mute() as address:
        variables = {
            "TRACING": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{address}",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "100000",
        }
        with serving(APP, ROOT, **variables) as (server, port):
            ask(port)
            server.send_signal(signal.SIGTERM)
            until(server, "Finished server process")
            server.wait(60)


@pytest.mark.parametrize("side", [ON_LAMBDA, ON_FARGATE], ids=["lambda", "fargate"])
def test_a_collector_that_is_gone_costs_no_request_and_one_warning(side) -> None:
    with collector() as receiver:
        pass
    endpoint = f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{receiver.address}"
    variables = ("--variable", endpoint, "--variable", "OTEL_BSP_SCHEDULE_DELAY=50")
    with local_run(*FIRST, *variables, *side) as run:
        with run.client() as client:
            statuses = {client.get(f"/items/{number}").status_code for number in range(100)}
        wait_for(lambda: any("Spans are lost" in line for line in run.err))
    assert statuses == {200}
    warnings = [line for line in run.err if '"logger": "portable_runtime.span_export"' in line]
    others = [line for line in run.err if '"logger": "opentelemetry' in line]
    names = {line.partition(" | ")[0] for line in warnings}
    assert warnings and others == []
    assert len(warnings) == len(names), "one of each process"


def test_one_process_for_both_sides_has_no_traces() -> None:
    with collector() as receiver:
        endpoint = f"OTEL_EXPORTER_OTLP_ENDPOINT=http://{receiver.address}"
        with local_run(*TRACED, "--debug", "--variable", endpoint) as run, run.client() as client:
            answers = {client.get(f"/items/{number}").text for number in range(40)}
    assert answers == {'"lambda"', '"ecs"'}
    assert receiver.spans == []


def test_tracing_without_the_packages_says_what_is_missing() -> None:
    run = LocalRun("--variable", "TRACING=true")
    try:
        assert run.listening.wait(90)
    finally:
        status = run.stop()
    assert status == 1
    message = "TRACING is true, but there is no module 'opentelemetry.sdk': the image needs "
    assert f"{message}fastapi[opentelemetry], in pyproject.toml." in "\n".join(run.err)
    assert "Traceback" not in "\n".join(run.err)
