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

    def __str__(self) -> str:
        return f"lambda {self.lambda_}, fargate {self.fargate}"
