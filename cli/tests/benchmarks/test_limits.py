"""Goals in the unit of a measure."""

from contextlib import nullcontext

import pytest

from benchmarks.measure import Limit, Measure, Result
from benchmarks.table import goals


def result(limit: Limit) -> Result:
    """Two rounds of two candidates."""
    measure = Measure("m", "M", "µs", "floor", "", lambda quick: nullcontext({}), (limit,))
    return Result(measure, {"floor": [10.0, 30.0], "ours": [20.0, 60.0]})


@pytest.mark.parametrize(
    ("limit", "sentence", "reached"),
    [
        (Limit("ours", 40), "ours: 40.0 µs, goal at most 40 µs: reached.", True),
        (Limit("ours", 39), "ours: 40.0 µs, goal at most 39 µs: missed.", False),
        (
            Limit("ours", 20, above="floor"),
            "ours: 20.0 µs more than floor, goal at most 20 µs: reached.",
            True,
        ),
        (
            Limit("ours", 19, above="floor"),
            "ours: 20.0 µs more than floor, goal at most 19 µs: missed.",
            False,
        ),
    ],
)
def test_a_limit_is_in_the_unit_of_the_measure(limit, sentence, reached):
    assert list(goals(result(limit))) == [(sentence, reached)]
