"""The tables and the page."""

from contextlib import nullcontext

import pytest

from benchmarks import report, table
from benchmarks.measure import Goal, Measure, Result


@pytest.fixture
def result() -> Result:
    measure = Measure(
        name="cold",
        title="Cold start",
        unit="ms",
        floor="floor",
        how="From start to answer.",
        start=lambda quick: nullcontext({}),
        goals=(Goal("ours", "floor", 1.1), Goal("ours", "tutorial form", 1.0)),
    )
    samples = {"floor": [200.0, 210.0], "tutorial form": [250.0, 260.0], "ours": [260.0, 260.0]}
    return Result(measure, samples)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.256, "0.26"), (9.99, "9.99"), (10, "10.0"), (99.94, "99.9"), (1234.5, "1,234")],
)
def test_three_digits_count(number, text):
    assert table.figure(number) == text


def test_a_table_in_markdown(result):
    lines = table.markdown(result).splitlines()
    assert lines[2].startswith("| floor (floor) | 205 ms |")
    assert lines[4].startswith("| ours | 260 ms | 260 - 260 | 1.27 |")
    assert {line.count("|") for line in lines} == {6}


def test_goals_are_reached_or_missed(result):
    assert list(table.goals(result)) == [
        ("ours: 1.27 x floor, goal at most 1.10: missed.", False),
        ("ours: 1.02 x tutorial form, goal at most 1.00: missed.", False),
    ]


def test_the_page_says_what_was_measured_where_and_how(result):
    page = report.page([result], {"cores": "2", "Python": "3.13.0"}, "2026-01-02")
    assert "| date | 2026-01-02 |\n| cores | 2 |\n| Python | 3.13.0 |" in page
    assert "## Cold start\n\nFrom start to answer.\n" in page
    assert '2 rounds of `make bench ARGS="--only cold"`.' in page
    assert "missed." in page
