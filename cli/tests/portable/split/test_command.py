"""`portable split` from its first request to its exit status."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import click
import pytest

from portable.commands.split import split as command
from tests.portable.local_run import local_run
from tests.portable.split.split_command import (
    EVEN,
    FARGATE,
    LAMBDA,
    PROGRAM,
    alternating,
    sentence,
    split,
)
from tests.portable.split.split_server import CLOSE, HANG, Server, answer, serving

BAD_GATEWAY = answer("<h1>502 Bad Gateway</h1>", 502, Server="awselb/2.0")


def test_a_split_that_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # but standard output is no terminal
    with serving(alternating) as server:
        result = split(server.url, *EVEN, "-n", "60")
    assert result.exit_code == 0, result.output
    assert result.stderr == "" and "\x1b" not in result.stdout
    assert "The split fits the weights: lambda answered 50.0% of 60 requests" in result.stdout
    assert "from --lambda-weight and --fargate-weight" in result.stdout
    assert len(server.seen) == 61, "a trial, and what is counted"


def test_a_split_that_does_not_fit() -> None:
    source = random.Random(7)
    with serving(lambda _: source.choices((LAMBDA, FARGATE), (80, 20))[0]) as server:
        result = split(server.url, *EVEN)
    assert result.exit_code == 1
    assert "The split does not fit: lambda answered" in result.stdout
    assert "50.0% is outside the 99% interval" in result.stdout


def test_a_weight_of_zero_is_exact() -> None:
    with serving(lambda number: FARGATE if number == 100 else LAMBDA) as server:
        result = split(server.url, "--lambda-weight", "1", "--fargate-weight", "0")
    assert result.exit_code == 1
    assert "The split does not fit: fargate has weight 0 and answered 1 request." in result.stdout


def test_a_header_can_name_the_side() -> None:
    sides = ("x-lambda-1", "x-fargate-2")
    with serving(lambda n: answer("lambda", X_Served_By=sides[n % 2])) as server:
        result = split(server.url, *EVEN, "--side-header", "x-served-by", "-n", "50", "--json")
    found = json.loads(result.stdout)["sides"]
    assert (found["lambda"]["requests"], found["fargate"]["requests"]) == (25, 25)


def test_the_header_of_the_runtime_goes_before_the_body() -> None:
    sides = ("lambda", "fargate")
    with serving(lambda n: answer("lambda", X_Portable_Side=sides[n % 2])) as server:
        result = split(server.url, *EVEN, "-n", "50", "--json")
    found = json.loads(result.stdout)["sides"]
    assert (found["lambda"]["requests"], found["fargate"]["requests"]) == (25, 25)


def test_headers_are_sent_with_every_request_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_THE_TEST", "Bearer hunter2")
    with serving(alternating) as server:
        given = ("-H", "Accept: text/plain", "--header-env", "Authorization=TOKEN_OF_THE_TEST")
        result = split(server.url, *EVEN, "-n", "40", *given)
        assert result.exit_code == 0, result.output
    assert len(server.seen) == 41
    for head in server.seen:
        assert b"Accept: text/plain\r\n" in head
        assert b"Authorization: Bearer hunter2\r\n" in head
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-H", "hunter2"), "--header has no colon, expected 'Name: value', as with curl."),
        (("-H", "a b: hunter2"), "--header: 'a b' is no name of a header."),
        (("-H", "a: hunter2\x01"), "--header: the value of a has a character that none may."),
        (("--header-env", "A"), "--header-env is 'A', expected NAME=VARIABLE"),
        (("--header-env", "A=NOT_SET_AT_ALL"), "but NOT_SET_AT_ALL is not set."),
    ],
)
def test_a_header_of_another_form_is_refused(arguments: tuple[str, ...], said: str) -> None:
    with serving(alternating) as server:
        message = sentence(server.url, *EVEN, "-n", "10", *arguments)
    assert said in message and "hunter2" not in message
    assert not server.seen


def test_what_names_no_side_and_what_fails_is_counted_by_kind() -> None:
    broken = {
        10: BAD_GATEWAY,
        20: answer("not found", 404),
        30: CLOSE,
        40: HANG,
        50: answer("lambda", 500),
        60: b"no HTTP\r\n\r\n",
    }
    with serving(lambda number: broken.get(number, alternating(number))) as server:
        arguments = (server.url, *EVEN, "-n", "100", "--timeout", "3")
        result = split(*arguments, "--json")
        found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["nobody"] == {"502": 1} and found["unknown"] == {"404": 1}
    failures = {"connection closed": 1, "timeout": 1, "malformed answer": 1}
    assert found["failures"] == failures
    assert found["sides"]["lambda"]["errors"] == 1
    assert found["requests"] == 100 and found["verdict"] == "cannot be proved"
    for part in ("lambda answered 1 request", "1 answer with a 5xx", "3 requests got no answer"):
        assert part in found["sentence"]


def test_no_more_than_the_concurrency_is_in_flight() -> None:
    with serving(alternating) as server:
        assert split(server.url, *EVEN, "-n", "100", "-c", "3").exit_code == 0
    assert server.most_at_once <= 3


def test_cookies_of_a_sticky_target_group_are_not_sent_back() -> None:
    sticky = answer("lambda", Set_Cookie="AWSALBTG=x; Path=/")
    with serving(lambda _: sticky) as server:
        split(server.url, *EVEN, "-n", "5")
    assert len(server.seen) == 6 and not any(b"ookie" in head for head in server.seen)


@pytest.mark.parametrize(
    "arguments",
    [
        ("-n", "0"),
        ("-n", "100001"),
        ("-c", "0"),
        ("-c", "257"),
        ("--timeout", "0"),
        ("--confidence", "49"),
        ("--confidence", "100"),
        ("--lambda-weight", "1000"),
    ],
)
def test_values_out_of_range_are_refused(arguments: tuple[str, str]) -> None:
    result = split("http://127.0.0.1:1", *arguments)
    assert result.exit_code == 2 and arguments[1] in result.stderr


def test_every_option_has_help() -> None:
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert options and all(option.help for option in options)


def interrupted(server: Server, requests: int) -> tuple[int, str, str]:
    """Send SIGINT once the server has seen this many requests; return status, output, errors."""
    arguments = [server.url, *EVEN, "-n", "1000", "--timeout", "100"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    try:
        deadline = time.monotonic() + 60
        while len(server.seen) < requests:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out, err


def test_an_interrupt_shows_what_was_measured_so_far() -> None:
    # A trial, 30 answers, and ten requests that wait: each worker counts before it asks again.
    with serving(lambda number: alternating(number) if number <= 30 else HANG) as server:
        status, out, err = interrupted(server, 41)
    assert (status, err) == (130, "")
    assert "Stopped after 30 of 1000 requests" in out and out.count(" 50.0%  50.0% ") == 2
    # They may all be of one side, which hangs.
    assert "The split cannot be proved: 10 requests had no answer yet." in out


def test_an_interrupt_before_the_first_answer_says_so() -> None:
    with serving(lambda _: HANG) as server:
        status, out, err = interrupted(server, 1)
    assert (status, out) == (130, "")
    assert err == "portable: stopped before the first answer.\n"


def test_the_split_of_a_real_local_run() -> None:
    confident = ("--confidence", "99.999")
    with local_run("--quiet") as run:
        fits = split(run.url, *confident)
        weights = ("--lambda-weight", "90", "--fargate-weight", "10")
        misfit = split(run.url, *weights, *confident)
    port = run.url.rpartition(":")[2]
    assert fits.exit_code == 0, fits.output
    assert f"lambda 50, fargate 50, from the local run on port {port}" in fits.stdout
    assert misfit.exit_code == 1 and "The split does not fit" in misfit.stdout
