"""What each side, and both together, cost in a month.

Rates are requests per second as an average over the month, sizes are in MB or MiB (1024 of them
are the GB that AWS bills), money is in USD.
"""

import math
from dataclasses import dataclass

from portable.cost.prices import Prices, Tiers
from portable.cost.service_size import Spot

NODES = 2  # of the load balancer, one in each public subnet; each checks health and has an address
LAMBDA_VCPU_MEMORY = 1769  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html

# What one LCU has of each dimension; the highest one is billed. 1 GB is 10^9 bytes here.
# https://aws.amazon.com/elasticloadbalancing/pricing/
LCU_NEW_CONNECTIONS = 25  # per second
LCU_GB_PER_HOUR = {"lambda": 0.4, "fargate": 1.0}


@dataclass(frozen=True)
class Workload:
    """The requests: how long Lambda bills one (ms), how large it is with its response (kB).

    All of them come in `busy_hours` of each day, evenly.
    """

    ms: float
    kilobytes: float = 2
    busy_hours: float = 24


@dataclass(frozen=True)
class LambdaSide:
    """The function: `memory` in MB, and the seconds between two health checks of a node."""

    memory: int
    architecture: str  # "x86" or "arm"
    check_interval: float | None = None  # None without health checks

    def cpu_ms(self, ms: float) -> float:
        """Return the most CPU time that a request of `ms` can have used, in ms of one vCPU.

        Lambda gives CPU in proportion to memory, one vCPU at 1,769 MB; Python code that runs in
        one process does not use more than one.
        """
        return ms * min(1.0, self.memory / LAMBDA_VCPU_MEMORY)


@dataclass(frozen=True)
class FargateSide:
    """The service: a task has `vcpu` and `memory` MiB and carries `task_rps` at its target."""

    vcpu: float
    memory: int
    architecture: str
    minimum: int
    maximum: int
    task_rps: float
    spot: Spot
    nat_gateways: int  # 0: each task has a public address instead


def task_rps(vcpu: float, cpu_percentage: float, cpu_ms: float) -> float:
    """Return the requests per second of one task at the CPU utilisation that scaling aims at.

    The server is one process, which runs Python code on one vCPU at a time: a larger task does
    not carry more.
    """
    return min(vcpu, 1.0) * cpu_percentage / 100 * 1000 / cpu_ms


@dataclass(frozen=True)
class Line:
    """One line of a bill; `side` is "lambda", "fargate" or, for the load balancer's, "shared"."""

    name: str
    side: str
    usd: float


@dataclass(frozen=True)
class Bill:
    """A month: its lines, and how many tasks run while requests come."""

    lines: tuple[Line, ...]
    tasks: int = 0

    @property
    def total(self) -> float:
        """The sum in USD."""
        return sum(line.usd for line in self.lines)


@dataclass(frozen=True)
class Model:
    """All that a month's cost depends on, but for the rate."""

    workload: Workload
    function: LambdaSide
    service: FargateSide
    prices: Prices
    free_tier: bool = False

    @property
    def seconds(self) -> float:
        """Seconds in a month."""
        return self.prices.hours_per_month * 3600

    def lambda_alone(self, rps: float) -> Bill:
        """Return the bill when no Fargate service is deployed, and so no NAT gateway."""
        return Bill((*self._function_lines(rps), *self._balancer_lines(rps, 1)))

    def fargate_alone(self, rps: float) -> Bill:
        """Return the bill when no function is deployed."""
        lines = (*self._service_lines(rps), *self._balancer_lines(rps, 0))
        return Bill(lines, self.tasks(rps))

    def both(self, rps: float, share: float) -> Bill:
        """Return the bill when both are deployed and `share` of the requests, 0 to 1, is Lambda's.

        The side that gets none keeps its fixed part: the service its lowest number of tasks and
        the NAT gateways, the function its health checks.
        """
        lines = (
            *self._function_lines(rps * share),
            *self._service_lines(rps * (1 - share)),
            *self._balancer_lines(rps, share),
        )
        return Bill(lines, self.tasks(rps * (1 - share)))

    def tasks(self, rps: float) -> int:
        """Return how many tasks run while requests come; it may exceed the service's maximum."""
        busy = rps * 24 / self.workload.busy_hours
        # The subtraction keeps a rate that is exactly n tasks' from being rounded up to n + 1.
        return max(self.service.minimum, math.ceil(busy / self.service.task_rps - 1e-9))

    def task_usd(self) -> float:
        """Return what one task costs in a month, on demand."""
        size, prices = self.service, self.prices
        vcpu = size.vcpu * prices.per_month(f"fargate_vcpu_hour_{size.architecture}")
        return vcpu + size.memory / 1024 * prices.per_month(f"fargate_gb_hour_{size.architecture}")

    def on_demand(self, tasks: int) -> int:
        """Return how many of `tasks` are not on Spot; an odd one between the two is counted so."""
        base = min(self.service.spot.base, tasks)
        return base + math.ceil((tasks - base) * (1 - self.service.spot.share) - 1e-9)

    def rate(self, tasks: int) -> float:
        """Return the highest rate that this many tasks carry."""
        return tasks * self.service.task_rps * self.workload.busy_hours / 24

    def _function_lines(self, rps: float) -> tuple[Line, ...]:
        """Requests and duration, which is billed in whole ms, of requests and health checks.

        https://aws.amazon.com/lambda/pricing/
        """
        invocations = rps * self.seconds
        if self.function.check_interval:
            invocations += NODES * self.seconds / self.function.check_interval
        billed = max(1, math.ceil(self.workload.ms)) / 1000
        gb_seconds = invocations * billed * self.function.memory / 1024
        if self.free_tier:
            invocations = max(0.0, invocations - self.prices["lambda_free_requests"])
            gb_seconds = max(0.0, gb_seconds - self.prices["lambda_free_gb_seconds"])
        requests = invocations / 1e6 * self.prices["lambda_million_requests"]
        duration = tiered(gb_seconds, self.prices.gb_second(self.function.architecture))
        return (
            Line("Lambda requests", "lambda", requests),
            Line("Lambda duration", "lambda", duration),
        )

    def _service_lines(self, rps: float) -> tuple[Line, ...]:
        """Tasks, and what lets them reach the internet."""
        busy = self.workload.busy_hours / 24
        running, minimum = self.tasks(rps), self.service.minimum
        tasks = busy * self._tasks_usd(running) + (1 - busy) * self._tasks_usd(minimum)
        address = self.prices.per_month("ipv4_hour")
        gateways = self.service.nat_gateways
        # Each gateway has an address; without gateways each task has one.
        addresses = gateways or busy * running + (1 - busy) * minimum
        return (
            Line("Fargate tasks", "fargate", tasks),
            Line("NAT gateways", "fargate", gateways * self.prices.per_month("nat_hour")),
            Line(
                "their IPv4 addresses" if gateways else "tasks' IPv4 addresses",
                "fargate",
                addresses * address,
            ),
        )

    def _tasks_usd(self, tasks: int) -> float:
        on_demand = self.on_demand(tasks)
        spot = (tasks - on_demand) * self.prices["fargate_spot_share"]
        return (on_demand + spot) * self.task_usd()

    def _balancer_lines(self, rps: float, share: float) -> tuple[Line, ...]:
        """The load balancer's hours, usage and addresses; Lambda has `share` of the bytes."""
        gb = rps * 3600 * self.workload.kilobytes / 1e6
        by_bytes = gb * share / LCU_GB_PER_HOUR["lambda"]
        by_bytes += gb * (1 - share) / LCU_GB_PER_HOUR["fargate"]
        lcu = max(rps / LCU_NEW_CONNECTIONS, by_bytes)
        return (
            Line("ALB hours", "shared", self.prices.per_month("alb_hour")),
            Line("ALB usage (LCU)", "shared", lcu * self.prices.per_month("alb_lcu_hour")),
            Line("ALB IPv4 addresses", "shared", NODES * self.prices.per_month("ipv4_hour")),
        )


def tiered(amount: float, tiers: Tiers) -> float:
    """Return the price of `amount` when each tier has its own price, in USD."""
    ends = [start for start, _ in tiers[1:]] + [math.inf]
    return sum(
        max(0.0, min(amount, end) - start) * usd
        for (start, usd), end in zip(tiers, ends, strict=True)
    )
