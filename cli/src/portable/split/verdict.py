"""What answers say about the split: counts per side, shares with their intervals, a verdict."""

import re
from array import array
from collections import Counter
from dataclasses import dataclass, field
from statistics import NormalDist

from portable.quantile import quantiles
from portable.weights import SIDES, Weights

# Whole words, as letters go: neither "specs" nor "lambdas" names a side, "AWS_Lambda_1" does.
_WORDS = {
    "lambda": re.compile("(?<![a-z])lambda(?![a-z])", re.IGNORECASE),
    "fargate": re.compile("(?<![a-z])(ecs|fargate)(?![a-z])", re.IGNORECASE),
}

FITS = "fits"
ERRORS = "errors"
MISFIT = "does not fit"
UNPROVABLE = "cannot be proved"


def named_side(text: str) -> str | None:
    """Return the side that `text` names, `lambda` or `fargate`; None if neither or both."""
    named = [side for side, words in _WORDS.items() if words.search(text)]
    return named[0] if len(named) == 1 else None


@dataclass(frozen=True)
class Answer:
    """One answer: who gave it (None: it names no side), its status, and how long it took."""

    side: str | None
    status: int
    seconds: float


@dataclass
class SideTally:
    """The answers of one side; `errors` are those with a 5xx."""

    errors: int = 0
    seconds: "array[float]" = field(default_factory=lambda: array("d"))

    @property
    def requests(self) -> int:
        """How many requests this side answered, whatever the status."""
        return len(self.seconds)

    def quantiles(self, *shares: float) -> list[float | None]:
        """Return these quantiles of the latencies in seconds; None where there is no answer."""
        return list(quantiles(self.seconds, *shares))


class Tally:
    """Who answered, and what nobody did."""

    def __init__(self) -> None:
        self.sides = {side: SideTally() for side in SIDES}
        self.unknown: Counter[int] = Counter()  # by status: below 500, no side named
        self.nobody: Counter[int] = Counter()  # by status: a 5xx, no side named
        self.failures: Counter[str] = Counter()  # by kind: no answer
        self.under_way = 0  # when the run was stopped; a slow side has more of them

    def add(self, answer: Answer) -> None:
        """Count one answer."""
        if answer.side is not None:
            self.sides[answer.side].seconds.append(answer.seconds)
            self.sides[answer.side].errors += answer.status >= 500
        elif answer.status >= 500:
            self.nobody[answer.status] += 1
        else:
            self.unknown[answer.status] += 1

    def fail(self, kind: str) -> None:
        """Count one request that got no answer, as in "timeout"."""
        self.failures[kind] += 1

    @property
    def known(self) -> int:
        """How many answers name their side."""
        return sum(side.requests for side in self.sides.values())

    @property
    def unaccounted(self) -> int:
        """How many requests went nobody knows where."""
        counts = (self.unknown, self.nobody, self.failures)
        return sum(sum(kinds.values()) for kinds in counts) + self.under_way

    @property
    def requests(self) -> int:
        """How many requests ended, with an answer or without."""
        return self.known + self.unaccounted - self.under_way


def wilson(count: int, number: int, confidence: float) -> tuple[float, float]:
    """Return Wilson's score interval of a share of which `count` of `number` were observed.

    `confidence` is between 0 and 1: so many of such intervals contain the true share. It holds
    near 0 and 1 too, where the textbook's normal interval does not (E. B. Wilson, 1927).
    """
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    share = count / number
    middle = (share + z2 / (2 * number)) / (1 + z2 / number)
    spread = (z2 * (share * (1 - share) / number + z2 / (4 * number**2))) ** 0.5
    spread /= 1 + z2 / number
    # At the ends the bound is the end itself, but for what rounding leaves.
    low = 0.0 if count == 0 else middle - spread
    return low, 1.0 if count == number else middle + spread


@dataclass(frozen=True)
class Verdict:
    """`kind` is one of "fits", "errors", "does not fit" and "cannot be proved"."""

    kind: str
    sentence: str


@dataclass(frozen=True)
class Split:
    """What was expected and what was observed.

    `confidence` is between 0 and 1; `later` are the weights after the run, where they are others.
    """

    weights: Weights
    tally: Tally
    confidence: float
    later: Weights | None = None

    @property
    def is_exact(self) -> bool:
        """Whether a weight is 0: then no interval is needed, one answer of that side is wrong."""
        return 0 in (self.weights.lambda_, self.weights.fargate)

    def share(self, side: str) -> float | None:
        """Return the share of `side` among the answers that name one; None if there are none."""
        return self.tally.sides[side].requests / self.tally.known if self.tally.known else None

    def interval(self, side: str) -> tuple[float, float] | None:
        """Return the interval of the observed share; None if exact, or without an answer."""
        if self.is_exact or not self.tally.known:
            return None
        return wilson(self.tally.sides[side].requests, self.tally.known, self.confidence)

    def percent(self, share: float) -> str:
        """Return `share` as text, with as many digits as this number of requests can tell."""
        return f"{share:.{1 if self.tally.known < 10_000 else 2}%}"

    @property
    def verdict(self) -> Verdict:
        """Return whether the expected share is inside the interval, and nothing else is wrong."""
        if self.later:
            return Verdict(
                UNPROVABLE,
                f"The split cannot be proved: while it was measured the weights changed from "
                f"{self.weights} to {self.later}.",
            )
        wrong = self._wrong()
        if misfit := self._misfit():
            reasons = "; ".join(filter(None, (misfit, wrong)))
            return Verdict(MISFIT, f"The split does not fit: {reasons}.")
        if self.tally.unaccounted or not self.tally.known:
            return Verdict(UNPROVABLE, f"The split cannot be proved: {wrong}.")
        if wrong:
            return Verdict(ERRORS, f"The shares fit the weights, but {wrong}.")
        return Verdict(FITS, f"The split fits the weights: {self._reason()}.")

    def _misfit(self) -> str:
        """Return why the shares cannot come from these weights; "" if they can."""
        tally = self.tally
        if self.is_exact:
            idle = next(side for side in SIDES if not self.weights.of(side))
            count = tally.sides[idle].requests
            return f"{idle} has weight 0 and answered {counted(count, 'request')}" if count else ""
        if not tally.known:
            return ""
        # Where the unaccounted requests went is unknown: the split is wrong only if it is wrong
        # wherever they went. What comes closest to the expected share decides.
        side = SIDES[0]
        number = tally.known + tally.unaccounted
        expected = self.weights.share(side)
        least = tally.sides[side].requests
        closest = min(max(round(expected * number), least), least + tally.unaccounted)
        low, high = wilson(closest, number, self.confidence)
        return "" if low <= expected <= high else self._reason()

    def _reason(self) -> str:
        side = SIDES[0]
        expected, share = self.weights.share(side), self.share(side)
        assert share is not None, "there are answers"
        observed = (
            f"{side} answered {self.percent(share)} of {counted(self.tally.known, 'request')}"
        )
        if self.is_exact:
            return f"{observed}, as its weight says"
        low, high = self.interval(side) or (0.0, 1.0)
        inside = "inside" if low <= expected <= high else "outside"
        return (
            f"{observed}, and the expected {self.percent(expected)} is {inside} the "
            f"{self.confidence * 100:g}% interval from {self.percent(low)} to {self.percent(high)}"
        )

    def _wrong(self) -> str:
        tally = self.tally
        parts = []
        for name, side in tally.sides.items():
            if side.errors:
                parts.append(f"{name} answered {counted(side.errors, 'request')} with a 5xx")
        if nobody := sum(tally.nobody.values()):
            parts.append(f"{counted(nobody, 'answer')} with a 5xx named no side")
        if unknown := sum(tally.unknown.values()):
            words = "the word lambda, ecs or fargate (with SIDE_HEADER=true each has a header)"
            parts.append(f"{counted(unknown, 'answer')} named no side with {words}")
        if failures := sum(tally.failures.values()):
            parts.append(f"{counted(failures, 'request')} got no answer")
        if tally.under_way:
            parts.append(f"{counted(tally.under_way, 'request')} had no answer yet")
        if not tally.known and not tally.unaccounted:
            parts.append("nothing was measured")
        return ", ".join(parts)


def counted(number: int, noun: str) -> str:
    """Return "1 request" or "2 requests"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
