"""Each row of the table of known differences: it is there, and it is exactly what it says."""

from collections import Counter

import pytest

from tests.parity.differ import Targets, differences
from tests.parity.platform_limits import LIMITS, Limit, expected

EACH = pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)


@EACH
def test_the_difference_is_exactly_what_the_row_says(
    limit: Limit, both: Targets, counts: Counter[str]
) -> None:
    counts["platform limits"] += 1
    fargate, function = both.ask(limit.example)
    assert differences(expected(limit.example, fargate), function) == {}
    for answer, told in ((fargate, limit.on_fargate), (function, limit.on_lambda)):
        fields = answer.fields() | answer.seen()
        assert {name: fields.get(name) for name in told} == told


@EACH
def test_without_the_row_the_comparison_fails(limit: Limit, both: Targets) -> None:
    fargate, function = both.ask(limit.example)
    assert differences(expected(limit.example, fargate, without=limit.name), function)


def test_every_row_is_explained_once() -> None:
    names = [limit.name for limit in LIMITS]
    assert len(set(names)) == len(names)
    assert all(limit.reason.endswith(".") and limit.source for limit in LIMITS)
