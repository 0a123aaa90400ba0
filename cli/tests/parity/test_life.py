"""What both targets do beyond one request and its answer: start, stop, work that goes on.

The differences in time that cannot be closed are here, each with its reason: no row of the table
can foretell them from an answer.
"""

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.parity.differ import ROOT, Answer, Request, Targets, ask, order, targets
from tests.parity.platform_limits import PLAIN

BOTH = pytest.mark.parametrize("side", ["lambda", "fargate"])
PROCESS = Request(target=b"/process")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


@pytest.fixture
def running(notes: Path) -> Iterator[Targets]:
    """Both targets for one test, which may break them."""
    with targets(notes) as both:
        yield both


def wait_for(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def process(both: Targets, side: str) -> dict[str, int]:
    seen: dict[str, int] = json.loads(ask(both.ports[side], PROCESS).body)
    return seen


def sleeping(both: Targets, note: str) -> list[int]:
    """The processes that say that they sleep for `note`."""
    lines = [line.partition(" | ")[2].split() for line in both.view.lines]
    return [int(words[2]) for words in lines if words[:2] == ["sleeping", note]]


def ask_many(both: Targets, side: str, number: int, request: Request, pool: ThreadPoolExecutor):
    return [pool.submit(ask, both.ports[side], request) for _ in range(number)]


@BOTH
def test_one_start_up_serves_1000_requests(side: str, notes: Path) -> None:
    with targets(notes, max_sandboxes=1) as both:
        seen = [process(both, side) for _ in range(1000)]
    assert {answer["starts"] for answer in seen} == {1}
    pids = {answer["pid"] for answer in seen}
    assert len(pids) == {"lambda": 1, "fargate": 2}[side]
    last = {answer["pid"]: answer["requests"] for answer in seen}
    assert sum(last.values()) >= 1000


def test_sigterm_to_the_tasks_loses_no_request_in_flight(running: Targets, notes: Path) -> None:
    slow = order([PLAIN], b"done", sleep=1.5, note="flight")
    with ThreadPoolExecutor(8) as pool:
        waiting = ask_many(running, "fargate", 8, slow, pool)
        wait_for(lambda: len(sleeping(running, "flight")) == 8)
        pids = set(sleeping(running, "flight"))
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        answers = [answer.result() for answer in waiting]
    assert [(a.status, a.complete, a.body) for a in answers] == [(200, True, b"done")] * 8
    for pid in pids:
        wait_for((notes / f"stopped-{pid}").exists)  # and the app was shut down


def test_sigterm_to_the_sandboxes_loses_no_invocation_in_flight(
    running: Targets, notes: Path
) -> None:
    # A large answer takes a while from the app to the platform.
    slow = order([PLAIN], sleep=1.5, note="flight", size=1_000_000)
    with ThreadPoolExecutor(8) as pool:
        waiting = ask_many(running, "lambda", 8, slow, pool)
        wait_for(lambda: len(sleeping(running, "flight")) == 8)
        pids = set(sleeping(running, "flight"))
        assert len(pids) == 8
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        answers = [answer.result() for answer in waiting]
    assert [(a.status, len(a.body)) for a in answers] == [(200, 1_000_000)] * 8
    for pid in pids:
        wait_for((notes / f"stopped-{pid}").exists)


def test_sigterm_to_an_idle_sandbox_shuts_the_app_down(running: Targets, notes: Path) -> None:
    pid = process(running, "lambda")["pid"]
    os.kill(pid, signal.SIGTERM)
    wait_for((notes / f"stopped-{pid}").exists)


@BOTH
def test_work_after_the_answer_is_done(side: str, both: Targets, notes_of: Path) -> None:
    ask(both.ports[side], order(background=0.3, note=f"after-{side}"))
    wait_for((notes_of / f"after-{side}").exists)


def test_the_client_waits_for_work_after_the_answer_on_lambda_only(
    both: Targets, notes_of: Path
) -> None:
    """A sandbox is frozen as soon as it has answered, so it answers when all is done."""
    done_before_answer = {}
    for side in ("fargate", "lambda"):
        ask(both.ports[side], order(background=0.5, note=f"late-{side}"))
        answered = time.monotonic()
        note = notes_of / f"late-{side}"
        wait_for(lambda note=note: note.exists() and note.read_text())
        done_before_answer[side] = float(note.read_text()) < answered
    assert done_before_answer == {"fargate": False, "lambda": True}


@BOTH
def test_a_short_task_left_behind_ends(side: str, both: Targets, notes_of: Path) -> None:
    assert ask(both.ports[side], order(task=0.3, note=f"short-{side}")).status == 200
    wait_for((notes_of / f"short-{side}").exists)


def test_a_long_task_left_behind_is_cancelled_on_lambda(both: Targets, notes_of: Path) -> None:
    """It would freeze with the sandbox and go on in the middle of another request."""
    assert ask(both.ports["lambda"], order(task=60, note="long")).status == 200
    assert (notes_of / "long-cancelled").exists()  # before the answer


def test_a_stream_arrives_as_it_is_sent_on_fargate_only(both: Targets) -> None:
    """The load balancer waits for the whole result of a function."""
    request = order([PLAIN], b"firstlast", chunks=2, pause=1)
    answers = both.ask(request, clock=time.monotonic)
    fargate, function = ((answer.first_byte, answer.body.split()) for answer in answers)
    assert fargate[1][0] == function[1][0] == b"firstlast"
    assert fargate[0] < float(fargate[1][1])  # the first byte was there before the last was sent
    assert function[0] > float(function[1][1])


def test_the_deadline_is_lambda_s_alone(notes: Path, tmp_path: Path) -> None:
    """A little before the function's timeout its request is given up; Fargate has none."""
    with targets(notes, project_with_timeout(tmp_path, 5)) as both:
        pid = process(both, "lambda")["pid"]
        fargate, function = both.ask(order([PLAIN], b"done", sleep=6, note="late"))
        assert (fargate.status, fargate.body) == (200, b"done")
        assert (function.status, function.body) == (504, b"Gateway Timeout")
        assert process(both, "lambda")["pid"] == pid  # the sandbox lives on
        assert any("given up after" in line for line in both.view.lines)


def project_with_timeout(folder: Path, seconds: int) -> Path:
    """A copy of the manifests in which the function's timeout is `seconds`."""
    root = folder / "project"
    root.mkdir()
    shutil.copy(ROOT / "samconfig.toml", root)
    for name in ("alb", "copilot", "data"):
        shutil.copytree(ROOT / name, root / name)
    (root / "src").symlink_to(ROOT / "src")
    template = (ROOT / "template.yaml").read_text()
    assert "Timeout: 30 " in template
    (root / "template.yaml").write_text(template.replace("Timeout: 30 ", f"Timeout: {seconds} "))
    return root


@BOTH
def test_an_app_that_exits_costs_one_request_at_most(side: str, running: Targets) -> None:
    before = process(running, side)["pid"]
    assert ask(running.ports[side], order(way="exit")).status in (500, 502)
    answers: list[Answer] = [ask(running.ports[side], PROCESS) for _ in range(4)]
    assert [answer.status for answer in answers] == [200] * 4
    if side == "lambda":
        assert process(running, side)["pid"] != before
