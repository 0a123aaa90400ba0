"""The tables and the page."""

from contextlib import nullcontext

import pytest

from benchmarks import report, table
from benchmarks.measure import Goal, Measure, Result, figure


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
    assert figure(number) == text


def test_goals_are_reached_or_missed(result):
    assert list(table.goals(result)) == [
        ("ours: 1.27 x floor, goal at most 1.10: missed.", False),
        ("ours: 1.02 x tutorial form, goal at most 1.00: missed.", False),
    ]


def test_the_page_has_a_row_for_each_goal_and_says_where_and_how(result):
    page = report.page([result], {"cores": "2", "Python": "3.13.0"}, "2026-01-02")
    assert "| Cold start | ours, 260 ms | floor, 205 ms | 1.27 | 1.10 | **missed** |" in page
    assert "Measured on 2026-01-02: cores 2, Python 3.13.0." in page
    assert "- `cold`: From start to answer.\n" in page


def test_what_is_measured_alike_is_described_once(result):
    assert report.page([result, result], {}, "").count("From start to answer.") == 1


def test_the_data_has_every_sample(result):
    (measure,) = report.data([result], {"cores": "2"})["measures"]
    assert measure["samples"] == result.samples
