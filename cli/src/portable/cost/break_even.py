"""From which rate on Fargate is the cheaper side."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from portable.cost.model import Model

MOST_TASKS = 1000  # the break-even is looked for up to what these carry


@dataclass(frozen=True)
class BreakEven:
    """Where the cheaper side changes, in requests per second as an average over the month.

    `first` is the lowest rate at which Fargate alone is the cheaper one, None where there is none
    up to `limit`. Each further task can take that back for a while; above `last` it does not any
    more, None where there is no such rate. Both are 0 where Fargate is always the cheaper one.
    """

    first: float | None
    last: float | None
    limit: float


def break_even(model: Model) -> BreakEven:
    """Return where the bills of Lambda alone and Fargate alone cross.

    While the number of tasks stays the same, both grow along straight lines, Lambda's no slower;
    at each further task Fargate's jumps up. So each such piece has one crossing at most.
    """
    first: float | None = None
    last: float | None = None
    for start, end in _pieces(model):
        if _difference(model, start) > 0:
            crossing = start
            last = start if last is None else last
        elif _difference(model, end) > 0:
            crossing = last = _crossing(model, start, end)
        else:
            last = None
            continue
        first = crossing if first is None else first
    return BreakEven(first, last, model.rate(max(MOST_TASKS, model.service.minimum)))


def _pieces(model: Model) -> Iterator[tuple[float, float]]:
    """Ranges of rates with one number of tasks each, up to the limit."""
    start = 0.0
    minimum = model.service.minimum
    for tasks in range(minimum, max(MOST_TASKS, minimum) + 1):
        end = model.rate(tasks)
        yield start, end
        start = end * (1 + 1e-8)  # just beyond: one task more


def _difference(model: Model, rps: float) -> float:
    return model.lambda_alone(rps).total - model.fargate_alone(rps).total


def _crossing(model: Model, low: float, high: float) -> float:
    """Halve the range until it is one number: Lambda is not dearer at `low`, dearer at `high`."""
    while low < (middle := (low + high) / 2) < high and not math.isclose(low, high, rel_tol=1e-12):
        if _difference(model, middle) > 0:
            high = middle
        else:
            low = middle
    return high
