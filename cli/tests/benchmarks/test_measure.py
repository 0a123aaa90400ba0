"""Rounds, ratios and spread: what is compared are two samples of one round."""

from contextlib import contextmanager
from itertools import count

import pytest

from benchmarks.measure import Goal, Measure, Result, spread, take


def measure(samplers, **changes) -> Measure:
    @contextmanager
    def start(quick):
        yield samplers

    fields = {"name": "x", "title": "X", "unit": "ms", "floor": "floor", "how": "So.", **changes}
    return Measure(start=start, **fields)


def result(**samples: list[float]) -> Result:
    return Result(measure({}), samples)


def test_candidates_take_turns_and_the_first_samples_do_not_count():
    order, numbers = [], count()

    def sampler(name):
        def sample():
            order.append(name)
            return float(next(numbers))

        return sample

    taken = take(measure({name: sampler(name) for name in "abc"}), 3, progress=lambda done: None)
    assert "".join(order) == "abcabcbcacab"
    assert taken.samples == {"a": [3.0, 8.0, 10.0], "b": [4.0, 6.0, 11.0], "c": [5.0, 7.0, 9.0]}


def test_progress_is_told():
    seen = []
    take(measure({"floor": lambda: 1.0}), 3, progress=seen.append)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([5.0], (5, 5, 5)),
        ([1.0, 2.0, 3.0, 4.0, 100.0], (3, 2, 4)),
        ([4.0, 1.0, 3.0, 2.0], (2.5, 1.75, 3.25)),
    ],
)
def test_spread(figures, expected):
    found = spread(figures)
    assert (found.median, found.low, found.high) == expected


def test_a_ratio_is_of_samples_of_one_round():
    busy_later = result(floor=[1.0, 2.0, 10.0], ours=[2.0, 4.0, 20.0])
    assert busy_later.ratio("ours", "floor").median == 2.0
    assert busy_later.ratio("ours", "floor").high == 2.0


def test_a_goal_is_reached_at_its_limit():
    found = result(floor=[1.0, 1.0], ours=[1.5, 1.5])
    assert found.reached(Goal("ours", "floor", 1.5))
    assert not found.reached(Goal("ours", "floor", 1.49))
