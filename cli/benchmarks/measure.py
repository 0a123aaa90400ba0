"""A measure: candidates that are sampled in turn, and what the samples say.

Candidates are interleaved, one sample of each per round, so that whatever else the machine does
hits all of them. What is compared is therefore the ratio of two samples of one round.
"""

import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

Sampler = Callable[[], float]  # takes one sample, in the measure's unit; lower is better
Samples = dict[str, list[float]]  # by candidate, in the order of the rounds


@dataclass(frozen=True)
class Goal:
    """`candidate` takes at most `at_most` times what `against` takes."""

    candidate: str
    against: str
    at_most: float

    def measured(self, result: "Result") -> float:
        """Return the median ratio."""
        return result.ratio(self.candidate, self.against).median

    def sentence(self, result: "Result") -> str:
        """Return what was measured and the goal, without the verdict."""
        measured = f"{self.measured(result):.2f} x {self.against}"
        return f"{self.candidate}: {measured}, goal at most {self.at_most:.2f}"

    def cells(self, result: "Result") -> tuple[str, str, str, str]:
        """Return both candidates with their medians, the ratio and the goal."""
        return (
            f"{self.candidate}, {result.median(self.candidate)}",
            f"{self.against}, {result.median(self.against)}",
            f"{self.measured(result):.2f}",
            f"{self.at_most:.2f}",
        )


@dataclass(frozen=True)
class Limit:
    """`candidate` takes at most `at_most` in the measure's unit, or that much more than `above`."""

    candidate: str
    at_most: float
    above: str = ""

    def measured(self, result: "Result") -> float:
        """Return the median, or the median difference."""
        if not self.above:
            return result.value(self.candidate).median
        pairs = zip(result.samples[self.candidate], result.samples[self.above], strict=True)
        return statistics.median(one - other for one, other in pairs)

    def sentence(self, result: "Result") -> str:
        """Return what was measured and the goal, without the verdict."""
        unit, more = result.measure.unit, f" more than {self.above}" if self.above else ""
        measured = f"{self.measured(result):,.1f} {unit}{more}"
        return f"{self.candidate}: {measured}, goal at most {self.at_most:,.0f} {unit}"

    def cells(self, result: "Result") -> tuple[str, str, str, str]:
        """Return the candidate with its median, what it is above, the figure and the goal."""
        above = f"{self.above}, {result.median(self.above)}" if self.above else ""
        unit, more = result.measure.unit, "+" if self.above else ""
        return (
            f"{self.candidate}, {result.median(self.candidate)}",
            above,
            f"{more}{figure(self.measured(result))} {unit}",
            f"{more}{figure(self.at_most)} {unit}",
        )


@dataclass(frozen=True)
class Measure:
    """One thing to measure.

    `start` gets whether the run is a quick one (tiny, to see that it works) and returns a context
    with a sampler for each candidate. `floor` is the candidate that ratios are to, `x` the place
    on the axis `x_title` of a measure that is repeated under one name. `missing` says in one
    sentence what this machine lacks for it, if anything.
    """

    name: str
    title: str
    unit: str
    floor: str
    how: str
    start: Callable[[bool], AbstractContextManager[dict[str, Sampler]]]
    goals: tuple[Goal | Limit, ...] = ()
    rounds: int = 15
    x: int | None = None
    x_title: str = "response, kB"
    missing: Callable[[], str] = lambda: ""


@dataclass(frozen=True)
class Spread:
    """The middle of some figures and the quartiles around it."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Result:
    """A measure and its samples."""

    measure: Measure
    samples: Samples = field(default_factory=dict)

    def value(self, candidate: str) -> Spread:
        """Return what `candidate` took, in the measure's unit."""
        return spread(self.samples[candidate])

    def median(self, candidate: str) -> str:
        """Return what `candidate` took as text, with its unit."""
        return f"{figure(self.value(candidate).median)} {self.measure.unit}"

    def ratio(self, candidate: str, against: str) -> Spread:
        """Return `candidate` over `against`, of the samples of the same rounds."""
        pairs = zip(self.samples[candidate], self.samples[against], strict=True)
        return spread([one / other for one, other in pairs])

    def reached(self, goal: Goal | Limit) -> bool:
        """Whether what was measured is within the goal."""
        return goal.measured(self) <= goal.at_most


def figure(number: float) -> str:
    """Return `number` with three digits that count."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def spread(figures: list[float]) -> Spread:
    """Return the median and the quartiles; those of a single figure are the figure itself."""
    if len(figures) == 1:
        return Spread(*figures * 3)
    low, median, high = statistics.quantiles(figures, n=4, method="inclusive")
    return Spread(median, low, high)


def take(
    measure: Measure, rounds: int, quick: bool = False, progress: Callable[[int], None] = print
) -> Result:
    """Take `rounds` samples of every candidate, after one that does not count.

    Each round starts with another candidate, so that none always follows the same one.
    `progress` gets the number of rounds that are done.
    """
    with measure.start(quick) as samplers:
        samples: Samples = {name: [] for name in samplers}
        names = list(samplers)
        for sampler in samplers.values():
            sampler()
        for number in range(rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                samples[name].append(samplers[name]())
            progress(number + 1)
    return Result(measure, samples)
