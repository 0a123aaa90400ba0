"""When a target counts as healthy, and what a check sends."""

import asyncio
from dataclasses import replace

import pytest

from portable.local.listener.health import Health, probe
from portable.local.processes import free_port
from portable.manifests.health_check import HealthCheck

CHECK = HealthCheck(True, "/healthz", 30, 5, 5, 2, "200")


@pytest.mark.parametrize(
    ("matcher", "accepted", "refused"),
    [
        ("200", [200], [199, 201, 404]),
        ("200-299", [200, 250, 299], [199, 300]),
        ("200,302", [200, 302], [201, 301]),
        ("200-204,301-302", [200, 204, 301, 302], [205, 300, 303]),
    ],
)
def test_matcher(matcher, accepted, refused):
    check = replace(CHECK, matcher=matcher)
    assert all(check.accepts(status) for status in accepted)
    assert not any(check.accepts(status) for status in refused)


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ("", "initial"),
        ("+", "healthy"),  # a new target needs a single pass
        ("-", "initial"),
        ("-+", "healthy"),
        ("--", "unhealthy"),
        ("+-", "healthy"),
        ("+-+-", "healthy"),  # consecutive failures count
        ("+--", "unhealthy"),
        ("+--++++", "unhealthy"),
        ("+--+++++", "healthy"),
        ("+--++++-+++++", "healthy"),
        ("+--++++-++++", "unhealthy"),
    ],
)
def test_thresholds(outcomes, state):
    health = Health(CHECK)
    for outcome in outcomes:
        health.record(outcome == "+")
    assert health.state == state


def test_record_tells_of_changes_only():
    health = Health(CHECK)
    assert [health.record(passed) for passed in (True, True, False, False, False)] == [
        True,
        False,
        False,
        True,
        False,
    ]


def check_against(answer: bytes | None, timeout: float = 5) -> tuple[int | None, bytes, str]:
    """Probe a server that sends `answer` (None: nothing); return status, request and its host."""

    async def main() -> tuple[int | None, bytes, str]:
        received = b""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal received
            try:
                received = await reader.readuntil(b"\r\n\r\n")
                if answer is None:
                    await reader.read()
                else:
                    writer.write(answer)
            finally:
                writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            status = await probe("/healthz", timeout, "127.0.0.1", port)
        return status, received, f"127.0.0.1:{port}"

    return asyncio.run(main())


def test_a_probe_is_the_load_balancers():
    status, sent, host = check_against(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    line, *headers = sent.decode().strip().split("\r\n")
    assert (status, line) == (200, "GET /healthz HTTP/1.1")
    assert {header.lower() for header in headers} == {
        f"host: {host}",
        "user-agent: elb-healthchecker/2.0",
        "connection: close",
    }


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\n", 503),
        (b"", None),
        (b"SSH-2.0-OpenSSH\r\n\r\n", None),
    ],
)
def test_a_probe_returns_the_status_or_none(answer, status):
    assert check_against(answer)[0] == status


def test_a_probe_gives_up():
    assert check_against(None, timeout=0.05)[0] is None


def test_nobody_listens():
    assert asyncio.run(probe("/", 5, "127.0.0.1", free_port())) is None
