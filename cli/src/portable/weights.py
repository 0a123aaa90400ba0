"""The two weights of the listener."""

from dataclasses import dataclass

SIDES = ("lambda", "fargate")
MAX_WEIGHT = 999


@dataclass(frozen=True)
class Weights:
    """The weights of both target groups, 0 to 999; the share is a weight over their sum."""

    lambda_: int
    fargate: int

    @classmethod
    def percent(cls, side: str, share: int) -> "Weights":
        """Return the weights that give `side` `share` percent of the requests, 0 to 100."""
        return cls(share, 100 - share) if side == "lambda" else cls(100 - share, share)

    def of(self, side: str) -> int:
        """Return the weight of `side`, `lambda` or `fargate`."""
        return self.lambda_ if side == "lambda" else self.fargate

    def share(self, side: str) -> float:
        """Return the expected share of `side`, 0 to 1."""
        return self.of(side) / (self.lambda_ + self.fargate)

    def times(self, factor: int) -> "Weights":
        """Return both weights multiplied by `factor`, which are the same shares."""
        return Weights(factor * self.lambda_, factor * self.fargate)

    def in_other_numbers(self) -> "Weights":
        """Return other weights of the same shares: half of these where that goes, or twice these.

        Percents are doubled, and their doubles halved. Raises `ValueError` where there are none.
        """
        is_even = not self.lambda_ % 2 and not self.fargate % 2
        fits = 2 * max(self.lambda_, self.fargate) <= MAX_WEIGHT
        if is_even and (self.lambda_ + self.fargate > 100 or not fits):
            return Weights(self.lambda_ // 2, self.fargate // 2)
        if fits:
            return self.times(2)
        raise ValueError(f"{self} has no other numbers up to {MAX_WEIGHT}")

    def __str__(self) -> str:
        return f"lambda {self.lambda_}, fargate {self.fargate}"
