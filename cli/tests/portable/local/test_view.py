"""What the local run shows."""

import io
import json
import re
from dataclasses import dataclass

import pytest
from rich.console import Console

from portable.local.lines import Detail
from portable.local.listener.access import Access
from portable.local.listener.reasons import Reason
from portable.local.view.live import LiveView
from portable.local.view.plain import PlainView, access_line
from portable.local.view.summary import Counters, Summary
from portable.weights import Weights


@dataclass
class Row:
    name: str
    targets: str = "1 of 1"


ROWS = (Row("lambda", "2 of 10 sandboxes"), Row("fargate", "2 of 2 tasks"))
WEIGHTS = Weights(90, 10)
URL = "http://127.0.0.1:8080"


def access(
    group: str = "lambda", status: int = 200, seconds: float = 0.01, why: Reason | None = None
) -> Access:
    return Access("127.0.0.1", "GET", "/a?b", status, group, "sandbox-1", seconds, why)


def test_cells():
    summary = Summary(ROWS, WEIGHTS)
    assert [row[3] for row in summary.cells()] == ["-", "-"]
    for seconds in (0.001, 0.002, 0.003):
        summary.add(access(seconds=seconds))
    summary.add(access("fargate", 503, 0.5))
    summary.add(access("-", 400))  # the listener's own answer is nobody's share
    assert summary.cells() == [
        ("lambda", "90", "90.0%", "75.0%", "3", "0", "2.0 ms", "3.0 ms", "2 of 10 sandboxes"),
        ("fargate", "10", "10.0%", "25.0%", "1", "1", "500 ms", "500 ms", "2 of 2 tasks"),
    ]
    assert summary.others == 1


@pytest.mark.parametrize(("status", "errors"), [(200, 0), (404, 0), (460, 0), (500, 1), (504, 1)])
def test_errors_are_5xx(status, errors):
    counters = Counters()
    counters.add(access(status=status))
    assert (counters.requests, counters.errors) == (1, errors)


def test_quantiles_are_of_the_latest_thousand():
    counters = Counters()
    for number in range(3000):
        counters.add(access(seconds=number / 1000))
    assert counters.quantile(0) == "2000 ms"
    assert counters.quantile(0.5) == "2500 ms"
    assert counters.quantile(1) == "2999 ms"


def test_access_line():
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    line = access_line(access(seconds=0.0123))
    assert re.fullmatch(stamp + r" 127\.0\.0\.1 GET /a\?b 200 lambda sandbox-1 12\.3ms", line)
    assert access_line(access(why=Reason.UNHANDLED)).endswith(" (LambdaUnhandled)")


@pytest.mark.parametrize("quiet", [False, True])
def test_plain_view(quiet, capsys):
    view = PlainView(Detail.QUIET if quiet else Detail.NORMAL)
    view.output("task-1", "before")
    view.notify("task-1 is healthy.")
    assert capsys.readouterr() == ("", "")  # nothing until the run is up
    view.open(ROWS, WEIGHTS, URL)
    view.access(access())
    view.output("sandbox-1", "after")
    view.close()
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 1, "the access log alone is on standard output"
    lines = err.splitlines()
    assert lines[-3 if quiet else -4 :][0] == f"Listening on {URL}"
    assert ("task-1 | before" in lines, "sandbox-1 | after" in lines) == (not quiet, not quiet)
    assert "task-1 is healthy." in lines
    assert lines[-2].startswith("group lambda, weight 90, expected 90.0%, share 100.0%")
    assert lines[-1].endswith("healthy 2 of 2 tasks")


def test_plain_view_of_a_run_that_failed_says_nothing(capsys):
    view = PlainView()
    view.output("task-1", "Traceback")
    view.close()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("quiet", [False, True])
def test_live_view(quiet):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, no_color=True)
    view = LiveView(Detail.QUIET if quiet else Detail.NORMAL, console)
    view.output("task-1", "be[bold]fore")  # no markup
    view.open(ROWS, WEIGHTS, URL)
    for status in (200, 404, 502):
        view.access(access(status=status))
    view.notify("sandbox-1 ended.")
    view.output("task-1", "after")
    view.close()
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert ("task-1 | be[bold]fore" in shown, "task-1 | after" in shown) == (not quiet, not quiet)
    for text in ("lambda", "fargate", "90.0%", "2 of 10 sandboxes", "sandbox-1 ended.", URL):
        assert text in shown
    for column in Summary.COLUMNS:
        assert column in shown
    for status in (200, 404, 502):
        assert f"GET /a?b {status} lambda" in shown


def test_live_view_of_a_run_that_failed_shows_nothing():
    screen = io.StringIO()
    view = LiveView(console=Console(file=screen, force_terminal=True))
    view.output("task-1", "Traceback")
    view.close()
    assert screen.getvalue() == ""


def screen_of(width: int) -> tuple[LiveView, io.StringIO]:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width, height=30, no_color=True)
    return LiveView(console=console), screen


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


@pytest.mark.parametrize("width", [40, 60, 70, 80, 120])
def test_a_narrow_terminal_gets_fewer_columns_and_no_part_of_one(width: int):
    view, screen = screen_of(width)
    view.open(ROWS, WEIGHTS, URL)
    for _ in range(3):
        view.access(access())
    view.close()
    lines = plain(screen.getvalue()).splitlines()
    assert all(len(line) <= width for line in lines)
    head = next(line for line in reversed(lines) if "group" in line).split()
    assert set(head) <= set(Summary.COLUMNS) and {"requests", "healthy"} <= set(head)
    assert any(line.rstrip().endswith("2 of 10 sandboxes") for line in lines)
    assert (len(head) == len(Summary.COLUMNS)) == (width == 120)


def test_events_stay_in_sight_and_what_targets_say_does_not():
    view, screen = screen_of(100)
    view.open(ROWS, WEIGHTS, URL)
    view.event("The weights are lambda 90, fargate 10.")
    view.notify("task-1 is healthy.")
    view.close()
    last_frame = plain(screen.getvalue()).rpartition("group")[2]
    assert "The weights are lambda 90, fargate 10." in last_frame
    assert "task-1 is healthy." not in last_frame


def test_a_terminal_of_another_size_is_drawn_anew():
    view, screen = screen_of(100)
    view.open(ROWS, WEIGHTS, URL)
    view.console.width = 60
    assert "\x1b[2J" not in screen.getvalue()
    view.close()
    assert "\x1b[2J" in screen.getvalue()


def test_a_request_is_one_line_whatever_its_length():
    view, screen = screen_of(60)
    view.open(ROWS, WEIGHTS, URL)
    view.access(Access("::1", "GET", "/" + "a" * 200, 200, "lambda", "sandbox-1", 0.01))
    view.close()
    assert sum("aaa" in line for line in plain(screen.getvalue()).splitlines()) == 1


def test_a_traceback_is_rendered():
    frame = '  File "/x/app.py", line 3, in f'
    traceback = f"Traceback (most recent call last):\n{frame}\nValueError: no"
    record = {"level": "ERROR", "message": "It failed.", "logger": "app", "exception": traceback}
    view, screen = screen_of(100)
    view.open(ROWS, WEIGHTS, URL)
    view.output("task-1", json.dumps(record))
    view.close()
    shown = [line.rstrip() for line in plain(screen.getvalue()).splitlines()]
    start = shown.index("task-1 | ERROR app: It failed.")
    assert shown[start + 1 : start + 4] == traceback.splitlines()
