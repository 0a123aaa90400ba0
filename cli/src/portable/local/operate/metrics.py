"""What CloudWatch would have of the local run: metrics of both target groups and the function.

Which metric a request counts in:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Protocol

from portable.local.listener.access import Access
from portable.local.listener.reasons import Reason
from portable.quantile import quantiles

Key = tuple[str, str]  # side and metric


class Hosts(Protocol):
    """A target group, as far as its health goes."""

    @property
    def healthy(self) -> int:
        """Number of healthy targets."""

    @property
    def unhealthy(self) -> int:
        """Number of unhealthy targets."""


class Metrics:
    """Values of each metric, kept in slots of `resolution` seconds; `clock` is in seconds."""

    KEPT = 600  # slots
    SAMPLES = 1000  # values of one metric in one slot: the rest is only counted

    def __init__(
        self, groups: Mapping[str, Hosts], clock: Callable[[], float], resolution: float = 1.0
    ) -> None:
        self.groups = groups
        self.clock = clock
        self.resolution = resolution
        self.slots: dict[int, dict[Key, _Values]] = {}
        self.requests = dict.fromkeys(groups, 0)  # by side, since the start

    def record(self, access: Access) -> None:
        """Count a request that the listener answered."""
        measured = _measured(access)
        if access.group in self.requests:
            self.requests[access.group] += ("RequestCount", 1) in measured
        for metric, value in measured:
            self._add(access.group, metric, value)

    def line(self, text: str) -> None:
        """Count a line of the function's log group, as the filter of `LambdaTooLarge` does."""
        if '"refused_bytes": ' in text:
            self._add("lambda", "LambdaTooLarge", 1)

    def sample(self) -> None:
        """Record the health of the targets, as of now."""
        for side, hosts in self.groups.items():
            self._add(side, "HealthyHostCount", hosts.healthy)
            self._add(side, "UnHealthyHostCount", hosts.unhealthy)

    def statistic(
        self, side: str, metric: str, statistic: str, start: float, end: float
    ) -> float | None:
        """Return a statistic over the time from `start` to `end`, None where there is no value.

        `statistic` is Sum, Average, Minimum, Maximum, SampleCount or a percentile such as p95.
        """
        values = _Values()
        for slot in range(self._slot(start), self._slot(end)):
            if found := self.slots.get(slot, {}).get((side, metric)):
                values.merge(found)
        return values.statistic(statistic)

    def _add(self, side: str, metric: str, value: float) -> None:
        slot = self._slot(self.clock())
        if slot not in self.slots:
            self.slots[slot] = defaultdict(_Values)
            for old in [key for key in self.slots if key < slot - self.KEPT]:
                del self.slots[old]
        self.slots[slot][side, metric].add(value, self.SAMPLES)

    def _slot(self, seconds: float) -> int:
        return math.floor(seconds / self.resolution)


class _Values:
    def __init__(self) -> None:
        self.count = 0
        self.sum = 0.0
        self.samples: list[float] = []

    def add(self, value: float, limit: int) -> None:
        self.count += 1
        self.sum += value
        if len(self.samples) < limit:
            self.samples.append(value)

    def merge(self, other: "_Values") -> None:
        self.count += other.count
        self.sum += other.sum
        self.samples += other.samples

    def statistic(self, name: str) -> float | None:
        if not self.count:
            return None
        if name.startswith("p"):
            return next(quantiles(self.samples, float(name[1:]) / 100))
        return {
            "Sum": self.sum,
            "Average": self.sum / self.count,
            "Minimum": min(self.samples),
            "Maximum": max(self.samples),
            "SampleCount": float(self.count),
        }[name]


def _measured(access: Access) -> list[tuple[str, float]]:
    if access.target == "-" and access.group == "-":
        return []  # the listener refused it: no target group has to do with it
    if access.group == "fargate" and access.target == "-":
        return []  # no target could be chosen: only the load balancer's own metrics show these
    values: list[tuple[str, float]] = [("RequestCount", 1)]
    if access.reason is None:
        values.append(("TargetResponseTime", access.seconds))
        values += [("HTTPCode_Target_5XX_Count", 1)] * (access.status >= 500)
    elif access.group == "lambda" and access.status >= 500:
        # Which metric of the load balancer a throttled invocation is in is not documented.
        values += [("LambdaUserError", 1)]
        values += [("Throttles", 1)] * (access.reason is Reason.THROTTLED)
    elif access.reason is Reason.REFUSED:
        values.append(("TargetConnectionErrorCount", 1))
    return values
