"""What bad clients send is answered by both sides alike, and no connection stays in doubt."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.portable.local_run import LocalRun, local_run

SAMPLE = ("--app", "cli.tests.portable.sample_app:app", "--quiet")
GET = b"GET /target HTTP/1.1\r\nHost: x\r\n"
HEAD = b"HEAD /target HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /length HTTP/1.1\r\nHost: x\r\n"
CHUNKS = b"3\r\nabc\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def runs() -> Iterator[tuple[LocalRun, LocalRun]]:
    """One run whose requests all go to Lambda, and one for Fargate."""
    with ExitStack() as stack:
        yield (
            stack.enter_context(local_run(*SAMPLE, "--fargate-weight", "0")),
            stack.enter_context(local_run(*SAMPLE, "--lambda-weight", "0")),
        )


def talk(run: LocalRun, data: bytes) -> bytes:
    """Send `data` and return all until the connection is closed; fail if it stays open."""
    parts = urlsplit(run.url)
    with socket.create_connection((parts.hostname, parts.port), 50) as client:
        client.sendall(data)
        answer = b""
        while received := client.recv(65_536):
            answer += received
    return answer


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (GET + b"X: a\x01b\r\nConnection: close\r\n\r\n", 200),
        (GET + b"X: a\0b\r\n\r\n", 400),
        (GET + b"Upgrade: h2c\r\nConnection: close\r\n\r\n", 200),
        (
            GET + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
            b"Connection: Upgrade, HTTP2-Settings, close\r\n\r\n",
            200,
        ),
        (GET + b"Upgrade: websocket\r\nConnection: close\r\n\r\n", 200),
        (GET + b"Content-Length: 3\r\n\r\nabc", 200),
        (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS, 200),
        (POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 200),
        (POST + b"Transfer-Encoding: Chunked\r\nConnection: close\r\n\r\n" + CHUNKS, 200),
        (POST + b"Transfer_Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", 200),
        (
            POST + b"Transfer-Encoding: identity\r\nContent-Length: 3\r\n"
            b"Connection: close\r\n\r\nabc",
            200,
        ),
        (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
        (POST + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
        (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS, 400),
        (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET /target HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        (b"HEAD /status/103 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 500),
        (b"HEAD /status/199 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 500),
        (b"GET /status/100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 500),
    ],
)
def test_both_sides_answer_alike_and_the_connection_is_closed(
    runs: tuple[LocalRun, LocalRun], data: bytes, status: int
) -> None:
    answers = [talk(run, data) for run in runs]
    assert [int(answer.split(b" ", 2)[1]) for answer in answers] == [status, status]


def test_what_follows_an_ambiguous_request_is_not_read(runs: tuple[LocalRun, LocalRun]) -> None:
    ambiguous = POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS
    for run in runs:
        assert talk(run, ambiguous + GET + b"\r\n").count(b"HTTP/1.1 ") == 1


def test_responses_that_only_lambda_refuses_drive_no_failover() -> None:
    """They are a 500 of Lambda and a 200 of Fargate; the alarm of a person still goes off."""
    with local_run(*SAMPLE, "--failover", "--alarm-period", "1") as run, run.client() as client:
        statuses = []
        while not any("portable-api-test-lambda-errors is in ALARM" in line for line in run.err):
            statuses += [client.get("/bytes/1100000").status_code for _ in range(20)]
            assert len(statuses) < 2000, "the alarm never went off"
        # As many again: four minutes of the failover's own alarm.
        statuses += [client.get("/bytes/1100000").status_code for _ in range(len(statuses))]
        assert {200, 500} == set(statuses)
        assert 500 in statuses[-20:]
        assert not any("moved all weight" in line for line in run.err)
