"""The health check of a target group.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class HealthCheck:
    """A target group's settings; times in seconds, thresholds in consecutive checks."""

    enabled: bool
    path: str
    interval: float
    timeout: float
    healthy_threshold: int
    unhealthy_threshold: int
    matcher: str  # as in "200" or "200-299,302"

    def accepts(self, status: int) -> bool:
        """Whether a target that answers with `status` is well."""
        for part in self.matcher.split(","):
            low, _, high = part.partition("-")
            if int(low) <= status <= int(high or low):
                return True
        return False
