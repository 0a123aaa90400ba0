"""What `portable split` shows of a result."""

import io
import json
import os
import pty
import re
import subprocess
import sys

import pytest
from rich.console import Console

from portable.split.report import Report, cells, chart, progress, show, write_json
from portable.split.verdict import Answer, Split, Tally
from portable.weights import Weights
from tests.portable.split.split_command import PROGRAM
from tests.portable.split.split_server import answer, serving


def split(weights: tuple[int, int], on_lambda: int, on_fargate: int) -> Split:
    tally = Tally()
    for side, number in (("lambda", on_lambda), ("fargate", on_fargate)):
        for index in range(number):
            tally.add(Answer(side, 200, (index + 1) / 1000))
    return Split(Weights(*weights), tally, 0.99)


def report(result: Split, interrupted: bool = False) -> Report:
    return Report("http://a", 500, 10, 1.25, "samconfig.toml", interrupted, result)


def printed(made: Report, width: int = 100, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding, write_through=True) as stream:
        show(made, Console(file=stream, width=width))
        return raw.getvalue().decode(encoding)


def test_cells() -> None:
    result = split((90, 10), 150, 50)
    result.tally.add(Answer("fargate", 503, 0.051))
    assert cells(result, "lambda") == (
        *("lambda", "90", "90.0%", "74.6%", "66.0-81.7%", "150", "0"),
        *("76.0 ms", "143 ms", "149 ms"),
    )
    assert cells(result, "fargate") == (
        *("fargate", "10", "10.0%", "25.4%", "18.3-34.0%", "51", "1"),
        *("26.0 ms", "49.0 ms", "51.0 ms"),
    )


def test_cells_of_a_weight_of_zero() -> None:
    row = cells(split((0, 1), 0, 5), "lambda")
    assert row == ("lambda", "0", "0.0%", "0.0%", "exact", "0", "0", "-", "-", "-")


def test_many_requests_can_tell_more_digits() -> None:
    assert cells(split((1, 1), 5000, 5000), "lambda")[2:5] == ("50.00%", "50.00%", "48.71-51.29%")


def test_a_chart_has_the_share_the_interval_and_what_is_expected() -> None:
    assert chart(split((50, 50), 160, 40), 40, ascii_only=False) == [
        " lambda  ████████████████████████████████ 80.0%",
        "                             ▲       ├─────┤",
        " fargate ████████ 20.0%",
        "              ├─────┤        ▲",
        "         █ observed   ▲ expected   ├─┤ 99% interval",
    ]


def test_a_chart_in_ascii() -> None:
    lines = chart(split((50, 50), 90, 110), 40, ascii_only=True)
    assert lines[0] == " lambda  ################## 45.0%"
    assert lines[1] == "                       |-----^|"
    assert lines[-1].endswith("# observed   ^ expected   |-| 99% interval")
    assert "".join(lines).isascii()


def test_a_chart_has_parts_of_a_cell_and_never_hides_an_answer() -> None:
    blocks = [chart(split((1, 1), on_lambda, 1000), 10, False)[0] for on_lambda in (0, 1, 20)]
    assert blocks == [" lambda   0.0%", " lambda  ▏ 0.1%", " lambda  ▎ 2.0%"]
    assert chart(split((1, 1), 55, 45), 10, False)[0] == " lambda  █████▌ 55.0%"


def test_a_chart_of_an_exact_split_marks_both_ends() -> None:
    lines = chart(split((1, 0), 10, 0), 20, False)
    assert lines[1] == " " * 28 + "▲" and lines[3] == " " * 9 + "▲"
    assert "interval" not in lines[-1]


def test_a_result_without_any_answer_is_shown() -> None:
    shown = printed(report(split((1, 1), 0, 0), interrupted=True))
    assert "Stopped after 0 of 500 requests" in shown
    assert "cannot be proved: nothing was measured." in shown


def test_plain_output_has_no_escapes_and_names_everything() -> None:
    result = split((50, 50), 100, 100)
    result.tally.unknown.update({404: 2, 200: 1})
    result.tally.nobody.update({502: 1})
    result.tally.failures.update({"timeout": 2, "connection refused": 1})
    shown = printed(report(result))
    assert "\x1b" not in shown
    assert shown.startswith("http://a: 207 requests, 10 at a time, 1.2 s\n")
    assert "expected: lambda 50, fargate 50, from samconfig.toml" in shown
    assert "unknown: 3 answers name no side (404: 2, 200: 1)" in shown
    assert "nobody: 1 error names no side (502: 1)" in shown
    assert "failed: 3 requests got no answer (timeout: 2, connection refused: 1)" in shown
    assert max(map(len, shown.splitlines()[:-1])) <= 100
    assert shown.splitlines()[-1].startswith("The split cannot be proved: "), "in one line"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_without_blocks_gets_ascii(encoding: str) -> None:
    assert printed(report(split((1, 1), 5, 5)), encoding=encoding).isascii()


def test_a_narrow_terminal_gets_a_column_per_side() -> None:
    shown = printed(report(split((1, 1), 5, 5)), width=55)
    assert "…" not in shown
    assert re.search(r"^ group +lambda +fargate", shown, re.MULTILINE)
    assert re.search(r"^ 99% interval +\S+-\S+% +\S+-\S+%", shown, re.MULTILINE)
    assert max(map(len, shown.splitlines()[2:-1])) <= 55


def test_json_has_what_the_table_has() -> None:
    stream = io.StringIO()
    result = split((50, 50), 100, 100)
    result.tally.nobody[502] += 1
    write_json(report(result), stream)
    found = json.loads(stream.getvalue())
    assert stream.getvalue().count("\n") == 1
    assert found["sides"]["lambda"] == {
        "weight": 50,
        "expected": 0.5,
        "share": 0.5,
        "interval": pytest.approx([0.4104, 0.5896], abs=5e-5),
        "requests": 100,
        "errors": 0,
        "p50": 0.051,
        "p95": 0.096,
        "p99": 0.1,
    }
    assert found["fits"] is False and found["verdict"] == "cannot be proved"
    assert found["nobody"] == {"502": 1} and found["source"] == "samconfig.toml"


def test_progress_is_shown_in_a_terminal_only() -> None:
    stream = io.StringIO()
    with progress(5, stream) as advance:
        advance()
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_and_then_the_table() -> None:
    main, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "PYTHONUTF8": "1"}
    with serving(lambda _: answer("lambda")) as server:
        command = [sys.executable, "-c", PROGRAM, server.url, "-n", "20"]
        command += ["--lambda-weight", "1", "--fargate-weight", "0"]
        process = subprocess.Popen(command, env=environment, stdout=terminal, stderr=terminal)
        os.close(terminal)
        screen = b""
        while chunk := _read(main):
            screen += chunk
        os.close(main)
        assert process.wait(30) == 0
    text = screen.decode()
    assert "20/20" in text and "100.0%" in text and "\x1b[32mThe split fits the weights" in text
    assert text.index("20/20") < text.index("group")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the other end is closed
        return b""
